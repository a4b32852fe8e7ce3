package stage

import (
	"context"
	"encoding/json"
	"errors"
	"reflect"
	"testing"
)

type recorder struct {
	points []Point
	err    error
}

func (r *recorder) At(_ context.Context, p Point) error {
	r.points = append(r.points, p)
	return r.err
}

func TestTrailHandsActsOver(t *testing.T) {
	w := &recorder{}
	trail := NewTrail(w)
	trail.Add(Act{Call: "mount"})
	if err := trail.At(context.Background(), 7, Lookup{Asked: "x"}); err != nil {
		t.Fatal(err)
	}
	if err := trail.At(context.Background(), 7, Lookup{Asked: "y"}); err != nil {
		t.Fatal(err)
	}
	if len(w.points) != 2 || len(w.points[0].Acts) != 1 || len(w.points[1].Acts) != 0 {
		t.Errorf("points %+v: the act belongs to the first", w.points)
	}
}

func TestTrailIsBounded(t *testing.T) {
	w := &recorder{}
	trail := NewTrail(w)
	for range MaxActs + 5 {
		trail.Add(Act{Call: "mkdirat"})
	}
	if err := trail.At(context.Background(), 1, Unpacked{}); err != nil {
		t.Fatal(err)
	}
	if p := w.points[0]; len(p.Acts) != MaxActs || p.Lost != 5 {
		t.Errorf("kept %d, lost %d", len(p.Acts), p.Lost)
	}
}

func TestNobodyWatches(t *testing.T) {
	trail := NewTrail(nil)
	trail.Add(Act{Call: "mount"})
	if err := trail.At(context.Background(), 1, Lookup{}); err != nil || trail.Watched() {
		t.Errorf("a nil trail holds: %v", err)
	}
	if n := testing.AllocsPerRun(100, func() { trail.Add(Act{Call: "mount"}) }); n != 0 {
		t.Errorf("an act that nobody sees costs %v allocations", n)
	}
}

func TestWatchersErrorUnwinds(t *testing.T) {
	abort := errors.New("abort")
	if err := NewTrail(&recorder{err: abort}).At(context.Background(), 1, Lookup{}); !errors.Is(err, abort) {
		t.Errorf("got %v", err)
	}
}

func TestEveryFactTravels(t *testing.T) {
	seen := map[Name]bool{}
	for _, f := range known {
		if seen[f.Stage()] {
			t.Errorf("two facts for stage %s", f.Stage())
		}
		seen[f.Stage()] = true
		if c, ok := f.(Created); ok {
			c.Config = json.RawMessage("{}")
			f = c
		}
		sent := Point{Seq: 3, PID: 9, Fact: f, Acts: []Act{{Call: "a", Args: []string{"b"}, Result: "0"}}}
		data, err := json.Marshal(sent)
		if err != nil {
			t.Fatal(err)
		}
		var got Point
		if err := json.Unmarshal(data, &got); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(sent, got) {
			t.Errorf("%s: sent %+v, got %+v", f.Stage(), sent, got)
		}
	}
}

func TestUnknownStageIsRefused(t *testing.T) {
	var p Point
	if err := json.Unmarshal([]byte(`{"stage":"image.lokup","fact":{}}`), &p); err == nil {
		t.Error("no error")
	}
	if Known("image.lokup") || !Known(ImageLookup) {
		t.Error("Known does not know")
	}
}
