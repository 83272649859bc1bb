package api

import (
	"errors"
	"net/http"
)

var errNoWord = errors.New("the browser says nothing of where the form comes from")

// OwnPage wants the browser's word that a page of this very origin posts a form.
func OwnPage(r *http.Request) error {
	if r.Header.Get("Sec-Fetch-Site") == "" && r.Header.Get("Origin") == "" {
		return errNoWord
	}
	return http.NewCrossOriginProtection().Check(r)
}
