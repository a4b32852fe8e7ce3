package transcript

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// browsers that can print, by their names in Debian, Ubuntu, Fedora, macOS and
// Windows.
var browsers = []string{
	"chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "microsoft-edge",
	"/Applications/Google Chrome.app/Contents/MacOS/Google Chrome", "/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge",
	`C:\Program Files\Google\Chrome\Application\chrome.exe`, `C:\Program Files (x86)\Microsoft\Edge\Application\msedge.exe`,
}

// ErrNoBrowser is a machine without any browser that can print a page.
var ErrNoBrowser = errors.New("no Chromium is installed to print the page with; Debian's package is chromium")

// browser finds one that can print.
func browser() (string, error) {
	for _, name := range browsers {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", ErrNoBrowser
}

// Ready reports why the format cannot be written on this machine, before a
// lesson is run for it.
func (f Format) Ready() error {
	if f.Name != "pdf" {
		return nil
	}
	_, err := browser()
	return err
}

// printing bounds how long a browser may take.
const printing = 2 * time.Minute

// pdfFile prints the page.
func pdfFile(w *work) ([]File, error) {
	program, err := browser()
	if err != nil {
		return nil, err
	}
	page, err := htmlFile(w)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "learndocker-print-*")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir) // a temporary directory that stays is no loss
	from, to := filepath.Join(dir, "page.html"), filepath.Join(dir, "page.pdf")
	if err := os.WriteFile(from, page[0].Data, 0o600); err != nil {
		return nil, err
	}
	if err := printPage(program, dir, from, to); err != nil {
		return nil, err
	}
	data, err := os.ReadFile(to)
	if err != nil || !bytes.HasPrefix(data, []byte("%PDF-")) {
		return nil, fmt.Errorf("%s has printed nothing", program)
	}
	return w.single(data), nil
}

func printPage(program, dir, from, to string) error {
	ctx, cancel := context.WithTimeout(context.Background(), printing)
	defer cancel()
	args := []string{
		"--headless", "--disable-gpu", "--no-first-run", "--disable-extensions", "--user-data-dir=" + filepath.Join(dir, "profile"),
		"--no-pdf-header-footer", "--generate-pdf-document-outline", "--print-to-pdf=" + to,
	}
	if runtime.GOOS == "linux" && os.Geteuid() == 0 {
		args = append(args, "--no-sandbox") // Chromium refuses root its sandbox; the page is our own and runs no script
	}
	cmd := exec.CommandContext(ctx, program, append(args, fileURL(from))...)
	cmd.WaitDelay = time.Second // its helpers hold the output open a while
	if said, err := cmd.CombinedOutput(); err != nil && !errors.Is(err, exec.ErrWaitDelay) {
		return fmt.Errorf("print with %s: %w: %s", program, err, lastLine(string(said)))
	}
	return nil
}

// fileURL names a file; on Windows a path has no slash before the drive.
func fileURL(path string) string {
	return (&url.URL{Scheme: "file", Path: "/" + strings.TrimPrefix(filepath.ToSlash(path), "/")}).String()
}

func lastLine(s string) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	return lines[len(lines)-1]
}
