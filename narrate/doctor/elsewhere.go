package doctor

// Elsewhere is the diagnosis of a program that has no engine: on a system other
// than Linux, or built without it. goos is the system's GOOS.
func Elsewhere(goos, program string) Diagnosis {
	d := Diagnosis{Verdict: Recordings, program: program, Points: []Point{
		{Name: "engine", State: Missing, Meaning: "Containers are made by Linux, and this is " + systemName(goos) + ": no lesson can run live."},
		{Name: "recordings", State: OK, Meaning: "Lessons play from their recordings, with every key, panel and question."},
		{Name: "transcripts", State: OK, Meaning: "Recordings can be written down as posts: replay --transcript."},
	}}
	linux := "A small Linux beside it runs lessons live: put learndocker for Linux there."
	switch goos {
	case "linux":
		d.Points[0].Meaning = "This learndocker was built without its engine (tag noengine): no lesson can run live."
		d.Points[0].Mend = "make build"
	case "darwin":
		d.Points = append(d.Points,
			Point{Name: "Linux", State: Missing, Meaning: linux + " Colima makes one.", Mend: "brew install colima && colima start && colima ssh"},
			Point{Name: "or Linux", State: Missing, Meaning: "Multipass makes one too.", Mend: "brew install --cask multipass && multipass launch --name linux && multipass shell linux"})
	case "windows":
		d.Points = append(d.Points, Point{Name: "Linux", State: Missing, Meaning: linux + " WSL2 is one; its kernel has all that lessons need.", Mend: "wsl --install -d Debian"})
	default:
		d.Points = append(d.Points, Point{Name: "Linux", State: Missing, Meaning: linux})
	}
	return d
}

func systemName(goos string) string {
	switch goos {
	case "darwin":
		return "macOS"
	case "windows":
		return "Windows"
	}
	return goos
}
