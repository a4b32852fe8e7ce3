package transcript

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	"gopkg.in/yaml.v3"
)

// FrontMatters are the site generators whose heads are known.
var FrontMatters = []string{"jekyll", "hexo", "hugo", "none"}

var tags = []string{"docker", "containers", "linux"}

// posted wraps the body for a site generator: the head that it reads, and its
// own signs in the body kept from meaning anything.
func (w *work) posted(body string) (string, error) {
	title := strings.NewReplacer("<", "", ">", "").Replace(plainText(w.title())) // themes print it as it is
	var head any
	switch w.FrontMatter {
	case "jekyll":
		body = keepFromLiquid(body)
		head = struct {
			Layout string   `yaml:"layout"`
			Title  string   `yaml:"title"`
			Date   string   `yaml:"date,omitempty"`
			Tags   []string `yaml:"tags"`
			Lang   string   `yaml:"lang"`
		}{"post", title, w.date("2006-01-02 15:04:05 -0700"), tags, w.header.Language}
	case "hexo":
		head = struct {
			Title string   `yaml:"title"`
			Date  string   `yaml:"date,omitempty"`
			Tags  []string `yaml:"tags"`
			Lang  string   `yaml:"lang"`
			// Hexo reads {{ and {% as Nunjucks. Its raw tag would keep the
			// post from Markdown too; this keeps it from Nunjucks alone.
			NoNunjucks bool `yaml:"disableNunjucks,omitempty"`
		}{title, w.date(time.DateTime), tags, w.header.Language, hasTemplateSigns(body)}
	case "hugo":
		body = keepFromHugo(body)
		head = struct {
			Title string   `yaml:"title"`
			Date  string   `yaml:"date,omitempty"`
			Tags  []string `yaml:"tags"`
			Lang  string   `yaml:"lang"`
			Draft bool     `yaml:"draft"`
		}{title, w.date(time.RFC3339), tags, w.header.Language, false}
	default:
		return inert("# "+oneLine(w.title())+"\n\n") + body, nil
	}
	data, err := yaml.Marshal(head)
	if err != nil {
		return "", fmt.Errorf("write front matter: %w", err)
	}
	return "---\n" + string(data) + "---\n\n" + body, nil
}

// date is when it was observed; "" in a stable transcript, which has no day.
func (w *work) date(layout string) string {
	if w.header.Made.IsZero() {
		return ""
	}
	return w.header.Made.Format(layout)
}

func hasTemplateSigns(body string) bool {
	return strings.Contains(body, "{{") || strings.Contains(body, "{%") || strings.Contains(body, "{#")
}

// endRaw would end the mark from within; Liquid takes words after it, too.
var endRaw = regexp.MustCompile(`\{%-?\s*endraw`)

// keepFromLiquid marks the whole body as not meant for Liquid. What would end
// the mark is itself written by Liquid, sign by sign.
func keepFromLiquid(body string) string {
	if !hasTemplateSigns(body) {
		return body
	}
	body = endRaw.ReplaceAllStringFunc(body, func(tag string) string {
		return `{% endraw %}{{ "{%" }}{% raw %}` + strings.TrimPrefix(tag, "{%")
	})
	return "{% raw %}\n" + body + "{% endraw %}\n"
}

// keepFromHugo parts the two halves of what begins a shortcode by a sign of no
// width: Hugo has no mark for a body that is not meant for it.
func keepFromHugo(body string) string {
	return strings.NewReplacer("{{<", "{\u2060{<", "{{%", "{\u2060{%").Replace(body)
}
