package lesson

import "gopkg.in/yaml.v3"

// Wrong is a mistake in a stop's key that shows only beside what else there is:
// a page that does not exist, an expression that cannot be read. known are the
// words that would be right, of which the nearest is named; nil for none.
func (l *Lesson) Wrong(step, stop int, key, problem string, known []string, word string) error {
	n := l.root
	for _, at := range []struct {
		list  string
		index int
	}{{"steps", step}, {"stops", stop}} {
		if list := child(n, at.list); list != nil && at.index >= 0 && at.index < len(list.Content) {
			n = list.Content[at.index]
		}
	}
	return l.place(n, key, problem, known, word)
}

// WrongPage is a mistake in the lesson's own page or end.
func (l *Lesson) WrongPage(key, problem string, known []string, word string) error {
	return l.place(l.root, key, problem, known, word)
}

func (l *Lesson) place(n *yaml.Node, key, problem string, known []string, word string) error {
	if known != nil {
		problem += didYouMean(word, known)
	}
	if found := child(n, key); found != nil {
		n = found
	} else if predict := child(n, "predict"); predict != nil && child(predict, key) != nil {
		n = child(predict, key)
	}
	return l.script.at(n.Line, n.Column, problem)
}
