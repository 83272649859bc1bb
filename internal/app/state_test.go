package app_test

import (
	"testing"

	"sekisho/internal/app/apptest"
	"sekisho/internal/assure/state"
)

// Everybody may see how the house is protected, and it is what is so.
func TestStateOfProtection(t *testing.T) {
	apptest.Each(t, func(t *testing.T, w *apptest.World) {
		var s state.State
		w.Do(t, w.Of("sales", 0), "state.show", struct{}{}, &s)
		if s.People != int64(len(w.Cast)) || s.Enrolled != s.People || !s.BackupAt.IsZero() || s.Damaged != 0 || s.Alarms != 0 {
			t.Fatalf("%+v", s)
		}
		w.Do(t, w.Of("admin", 1), "identity.person_disable", map[string]string{"id": w.Of("sales", 2).ID, "reason": "退職のため"}, nil)
		w.Do(t, w.Of("sales", 0), "state.show", struct{}{}, &s)
		if s.People != int64(len(w.Cast))-1 {
			t.Fatalf("a disabled person counts: %+v", s)
		}
	})
}
