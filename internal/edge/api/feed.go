package api

import (
	"net/http"
	"os"
	"path/filepath"
	"slices"

	"sekisho/internal/kernel/witness"
)

func feedFiles() []string {
	return []string{witness.CheckpointFile, witness.HashesFile, witness.NamesFile}
}

func feedOperation(file string) obj {
	o := plain("witness_"+file, "証人が読む記録の公開分（設定で公開したとき） / What witnesses read of the log, where the configuration gives it out", obj{"404": ref("responses/not_found")})
	o["responses"].(obj)["200"] = obj{"description": "部分要求（Range）に答えます / Answers requests for parts (Range)",
		"content": content("application/octet-stream", obj{})}
	return o
}

// feed gives a witness the house's feed: three files of hashes, ids and a
// signature, in parts as asked for. There is nothing else in that address.
func (s *server) feed(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("file")
	if s.cfg.Feed == "" || !slices.Contains(feedFiles(), name) {
		s.nothing(w, r)
		return
	}
	f, err := os.Open(filepath.Join(s.cfg.Feed, name))
	if err != nil { // nothing was published yet
		s.nothing(w, r)
		return
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		s.nothing(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	http.ServeContent(w, r, "", st.ModTime(), f)
}
