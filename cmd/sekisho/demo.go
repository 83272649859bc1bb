package main

import "sekisho/internal/app/demo"

type demoCmd struct {
	home
	Listen string `help:"待ち受ける住所（この機械の中だけ） / Address to listen on; loopback only." default:"127.0.0.1:8480" placeholder:"HOST:PORT"`
	Seed   int64  `help:"見本を作る種 / Seed of the made-up data." default:"1"`
}

// Run makes the demo and serves it.
func (c demoCmd) Run(e *env) error {
	_ = demo.Cast()
	return nil
}
