package app

import (
	"path/filepath"
	"time"

	"sekisho/internal/assure/backup"
)

// Backup is when and where copies are made (控え).
type Backup struct {
	Every            string `toml:"every"`
	At               string `toml:"at"`         // JST
	Recipients       string `toml:"recipients"` // file of public keys; without keys nothing is copied
	Daily            int    `toml:"daily"`
	Weekly           int    `toml:"weekly"`
	Monthly          int    `toml:"monthly"`
	Local            string `toml:"local"`
	Remote           string `toml:"remote"` // a folder that lies on another machine
	RemoteAppendOnly bool   `toml:"remote_append_only"`
	RemotePrune      bool   `toml:"remote_prune"`
}

func defaultBackup() Backup {
	return Backup{Every: "24h", At: "02:30", Daily: 14, Weekly: 8, Monthly: 12}
}

// Settings are the settings of a home; folders that are not given lie in it.
func (b Backup) Settings(home string) backup.Settings {
	every, _ := time.ParseDuration(b.Every) // both were checked when the file was read
	at, _ := time.Parse("15:04", b.At)
	s := backup.Settings{Every: every, At: time.Duration(at.Hour())*time.Hour + time.Duration(at.Minute())*time.Minute,
		Recipients: b.Recipients, Keep: backup.Keep{Daily: b.Daily, Weekly: b.Weekly, Monthly: b.Monthly},
		Local: b.Local, Remote: b.Remote, AppendOnly: b.RemoteAppendOnly, Prune: b.RemotePrune, Data: filepath.Join(home, "data")}
	if s.Recipients == "" {
		s.Recipients = filepath.Join(home, "backup-recipients.txt")
	}
	if s.Local == "" {
		s.Local = filepath.Join(home, "backup")
	}
	return s
}

func (b Backup) check(bad func(name, want string) error) error {
	if d, err := time.ParseDuration(b.Every); err != nil || d < 15*time.Minute || d > 7*24*time.Hour {
		return bad("backup.every", "15m–168h")
	}
	if _, err := time.Parse("15:04", b.At); err != nil {
		return bad("backup.at", "02:30")
	}
	for name, n := range map[string]int{"backup.daily": b.Daily, "backup.weekly": b.Weekly, "backup.monthly": b.Monthly} {
		if n < 1 || n > 1000 {
			return bad(name, "1–1000")
		}
	}
	if b.Remote != "" && !filepath.IsAbs(b.Remote) {
		return bad("backup.remote", "/mnt/…")
	}
	if b.RemotePrune && b.RemoteAppendOnly {
		return bad("backup.remote_prune", "remote_append_only = false")
	}
	return nil
}

const sampleBackup = `
[backup]
# 控えの間隔と時刻（日本時間）。受取人の公開鍵がないあいだは控えをとりません（sekisho backup keygen）。
# How often, and when (Japan time). Without public keys of recipients nothing is copied (sekisho backup keygen).
every = "24h"
at = "02:30"
# 公開鍵を1行に1つ書いたファイル。2人分以上を。空なら HOME/backup-recipients.txt。
# A file of public keys, one a line; better two people's. Empty: HOME/backup-recipients.txt.
recipients = ""
# 残す世代: 日・週・月ごとの最新。 / Kept: the newest of each of so many days, weeks, months.
daily = 14
weekly = 8
monthly = 12
# この機械の中の控え。空なら HOME/backup。 / Copies on this machine. Empty: HOME/backup.
local = ""
# 別の機械の控え（共有フォルダなど、絶対パス）。 / Copies on another machine: a mounted folder, absolute path.
remote = ""
# remote が追記専用（改名も削除もできない）か。 / Whether remote takes new files only: no renaming, no deleting.
remote_append_only = false
# remote の古い世代も消すか。 / Whether old generations go at remote as well.
remote_prune = false
`
