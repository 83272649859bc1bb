package demo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/emersion/go-message"

	"sekisho/internal/kernel/blob"
)

// delivered looks into the trap: one message, with exactly the archived bytes.
func (s *story) delivered(context.Context) error {
	all := s.Trap.List()[s.trapped:]
	if len(all) != 1 || len(all[0].To) != 1 || all[0].To[0] != s.party.verified().Address {
		return fmt.Errorf("the trap has %+v", all)
	}
	m, raw, err := s.Trap.Get(all[0].ID)
	if err != nil {
		return err
	}
	subject, files, err := open(raw)
	if err != nil {
		return err
	}
	s.step("demo.trap")
	s.say("demo.trap_mail", "file", m.File, "to", m.To[0], "subject", subject)
	if len(files) != 1 {
		return fmt.Errorf("%d attachments", len(files))
	}
	digest := blob.Sum(files[0].content).String()
	s.say("demo.trap_file", "file", files[0].name, "size", len(files[0].content), "digest", digest)
	if digest != s.digest {
		return errors.New("these are not the archived bytes")
	}
	s.say("demo.trap_same")
	s.say("demo.trap_alone")
	return nil
}

type file struct {
	name    string
	content []byte
}

// open reads the subject and the attached files of a message.
func open(raw []byte) (subject string, files []file, err error) {
	e, err := message.Read(bytes.NewReader(raw))
	if err != nil {
		return "", nil, err
	}
	if subject, err = e.Header.Text("Subject"); err != nil {
		return subject, nil, err
	}
	err = e.Walk(func(_ []int, part *message.Entity, err error) error {
		if err != nil {
			return err
		}
		_, params, _ := part.Header.ContentDisposition()
		if params["filename"] == "" {
			return nil
		}
		b, err := io.ReadAll(part.Body)
		files = append(files, file{params["filename"], b})
		return err
	})
	return subject, files, err
}

var errDamaged = errors.New("the record does not hold")

// verify recomputes the whole record and compares every row with it.
func (s *story) verify(ctx context.Context) error {
	s.step("demo.verify")
	if err := s.App.Gate.SealOwn(ctx); err != nil {
		return err
	}
	rep, err := s.App.Gate.Verify(ctx, nil)
	if err != nil {
		return err
	}
	s.say("cli.verify_counts", "leaves", rep.Leaves, "checkpoints", rep.Checkpoints, "rows", rep.Rows, "pending", rep.Pending)
	if len(rep.Damages) > 0 {
		return fmt.Errorf("%w: %+v", errDamaged, rep.Damages)
	}
	s.say("cli.verify_ok")
	return nil
}
