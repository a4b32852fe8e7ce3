package transcript

import "github.com/learndocker/learndocker/narrate/byhand"

// scriptFile writes the shell script that makes the same container by hand.
func scriptFile(w *work) ([]File, error) {
	data, err := byhand.Script(w.header, w.steps, w.Name)
	if err != nil {
		return nil, err
	}
	return w.single(data), nil
}
