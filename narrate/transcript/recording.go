package transcript

import (
	"bytes"

	"github.com/learndocker/learndocker/narrate"
)

// recordingFile writes the recording: JSON Lines, described by
// docs/recording.schema.json.
func recordingFile(w *work) ([]File, error) {
	var b bytes.Buffer
	r, err := narrate.NewRecorder(&b, w.header)
	if err != nil {
		return nil, err
	}
	for _, s := range w.steps {
		if err := r.Step(s); err != nil {
			return nil, err
		}
	}
	return w.single(b.Bytes()), nil
}
