package app

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"time"

	"sekisho/internal/comms/dispatch"
	"sekisho/internal/kernel/gate"
)

const askFor = 5 * time.Second // of the name servers, for one name

// lookupTXT asks for the key of a signature (DKIM).
func lookupTXT(ctx context.Context, name string) ([]string, error) {
	ctx, stop := context.WithTimeout(ctx, askFor)
	defer stop()
	return net.DefaultResolver.LookupTXT(ctx, name)
}

// takesMail tells whether a domain has a mail server or at least an address.
// Anything but a clear no of the name servers is an error: nobody knows.
func takesMail(ctx context.Context, domain string) (bool, error) {
	ctx, stop := context.WithTimeout(ctx, askFor)
	defer stop()
	_, err := net.DefaultResolver.LookupMX(ctx, domain)
	if err == nil {
		return true, nil
	}
	if d := new(net.DNSError); !errors.As(err, &d) || !d.IsNotFound {
		return false, err
	}
	_, err = net.DefaultResolver.LookupHost(ctx, domain)
	if d := new(net.DNSError); err != nil && errors.As(err, &d) && d.IsNotFound {
		return false, nil
	}
	return err == nil, err
}

// reviews looks once a day which addresses are to be looked at again.
func (a *App) reviews(ctx context.Context) {
	day := time.NewTicker(24 * time.Hour)
	defer day.Stop()
	for {
		a.reviewAll(ctx)
		select {
		case <-ctx.Done():
			return
		case <-day.C:
		}
	}
}

func (a *App) reviewAll(ctx context.Context) {
	var in dispatch.ScanIn
	for ctx.Err() == nil {
		raw, err := json.Marshal(in)
		var out dispatch.ScanOut
		if err == nil {
			raw, err = a.Gate.JSON(ctx, gate.System("rounds"), "dispatch.review_scan", raw)
		}
		if err == nil {
			err = json.Unmarshal(raw, &out)
		}
		if err != nil && ctx.Err() == nil {
			a.Log.Error("addresses could not be reviewed", "err", err)
		}
		if err != nil || out.Next == "" {
			return
		}
		in.After = out.Next
	}
}
