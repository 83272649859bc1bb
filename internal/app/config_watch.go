package app

import "time"

// Watch is when the server tells outside what it has signed (見張り).
type Watch struct {
	CheckpointAt string `toml:"checkpoint_at"` // JST
}

func defaultWatch() Watch { return Watch{CheckpointAt: "07:00"} }

// At is the time of day of the checkpoint mail, after midnight JST.
func (w Watch) At() time.Duration {
	at, _ := time.Parse("15:04", w.CheckpointAt) // checked when the file was read
	return time.Duration(at.Hour())*time.Hour + time.Duration(at.Minute())*time.Minute
}

func (w Watch) check(bad func(name, want string) error) error {
	if _, err := time.Parse("15:04", w.CheckpointAt); err != nil {
		return bad("watch.checkpoint_at", "07:00")
	}
	return nil
}

const sampleWatch = `
[watch]
# 操作記録の署名（チェックポイント）を通知先へ毎日送る時刻（日本時間）。通知先は二人で確認します（dispatch.notice_propose）。
# When the signed checkpoint of the log is mailed every day (Japan time). Addresses are confirmed by two people (dispatch.notice_propose).
checkpoint_at = "07:00"
`
