package docker

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/distribution/reference"
	"github.com/docker/go-units"
	imagetypes "github.com/moby/moby/api/types/image"
	"github.com/spf13/cobra"

	"github.com/learndocker/learndocker/cmd/learndocker/internal/format"
	"github.com/learndocker/learndocker/engine/client"
)

func newImages(cli *CLI) *cobra.Command {
	var f listFlags
	var all, digests bool
	c := &cobra.Command{
		Use:   "images [OPTIONS] [REPOSITORY[:TAG]]",
		Short: "List images",
		Args:  maxArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			filters := f.filter.value()
			if len(args) > 0 {
				filters.Add("reference", args[0])
			}
			as := f.format
			if as == "" && !f.quiet {
				as = cli.config().ImagesFormat
			}
			as = imageFormat(as, f.quiet, digests)
			return cli.do(func(cl *client.Client) error {
				images, err := cl.Images(c.Context(), all, filters)
				if err != nil {
					return err
				}
				var rows []format.Row
				for _, img := range images {
					rows = append(rows, imageRows(img, !f.noTrunc, digests, strings.Contains(as, "{{.Digest}}"))...)
				}
				if err := format.Write(os.Stdout, as, imageHeaders(), rows); err != nil {
					return err
				}
				if len(args) > 0 && len(images) == 0 && c.CalledAs() == "images" {
					hintAtCommand(c, args[0])
				}
				return nil
			})
		},
	}
	f.declare(c, "Only show image IDs")
	f.declareNoTrunc(c)
	c.Flags().BoolVarP(&all, "all", "a", false, "Show all images (default hides intermediate images)")
	c.Flags().BoolVar(&digests, "digests", false, "Show digests")
	return c
}

// hintAtCommand asks whether the image that nobody has was a command.
func hintAtCommand(c *cobra.Command, name string) {
	if slices.Contains(strings.Fields("build history import inspect list load ls prune pull push rm save tag"), name) {
		fmt.Fprintf(os.Stderr, "\nNo images found matching %q: did you mean \"%s image %[1]s\"?\n", name, c.Root().Name())
	}
}

const (
	created        = `{{if .CreatedSince }}{{.CreatedSince}}{{else}}N/A{{end}}`
	imageTable     = `table {{.Repository}}\t{{.Tag}}\t{{.ID}}\t` + created + `\t{{.Size}}`
	digestTable    = `table {{.Repository}}\t{{.Tag}}\t{{.Digest}}\t{{.ID}}\t` + created + `\t{{.Size}}`
	rawImagesStart = "repository: {{ .Repository }}\ntag: {{.Tag}}\n"
	rawImagesEnd   = "image_id: {{.ID}}\ncreated_at: {{.CreatedAt}}\nvirtual_size: {{.Size}}\n"
)

func imageFormat(as string, quiet, digests bool) string {
	if as == "" {
		as = format.Table
	}
	switch {
	case as == format.Table && quiet:
		return "{{.ID}}"
	case as == format.Table && digests:
		return digestTable
	case as == format.Table:
		return imageTable
	case as == "raw" && quiet:
		return "image_id: {{.ID}}"
	case as == "raw" && digests:
		return rawImagesStart + "digest: {{.Digest}}\n" + rawImagesEnd
	case as == "raw":
		return rawImagesStart + rawImagesEnd
	case strings.HasPrefix(as, format.Table) && digests && !strings.Contains(as, "{{.Digest}}"):
		return as + `\t{{.Digest}}`
	}
	return as
}

// imageRow is an image under one of its names.
type imageRow struct {
	i                 imagetypes.Summary
	trunc             bool
	repo, tag, digest string
}

func imageHeaders() format.Headers {
	return format.Headers{
		"ID": "IMAGE ID", "Repository": "REPOSITORY", "Tag": "TAG", "Digest": "DIGEST", "CreatedSince": "CREATED", "CreatedAt": "CREATED AT",
		"Size": "SIZE", "Containers": "CONTAINERS", "VirtualSize": "SIZE", "SharedSize": "SHARED SIZE", "UniqueSize": "UNIQUE SIZE",
	}
}

const none = "<none>"

func isDangling(i imagetypes.Summary) bool {
	return len(i.RepoTags) == 0 && len(i.RepoDigests) == 0 ||
		slices.Equal(i.RepoTags, []string{"<none>:<none>"}) && slices.Equal(i.RepoDigests, []string{"<none>@<none>"})
}

// imageRows are a row for each name of an image, with withDigest one for each
// digest of each. shown says whether digests are rows of their own.
func imageRows(i imagetypes.Summary, trunc, shown, asked bool) []format.Row {
	if isDangling(i) {
		return []format.Row{imageRow{i, trunc, none, none, none}}
	}
	repos, tags, digests := namesOf(i)
	var rows []format.Row
	for _, repo := range repos {
		if len(tags[repo]) == 0 { // known by its digest only
			if !shown {
				rows = append(rows, imageRow{i, trunc, repo, none, ""})
			}
			for _, d := range digests[repo] {
				if shown {
					rows = append(rows, imageRow{i, trunc, repo, none, d})
				}
			}
			continue
		}
		list := digests[repo]
		if !shown && !asked || len(list) == 0 {
			list = []string{none}
		}
		for _, tag := range tags[repo] {
			for _, d := range list {
				rows = append(rows, imageRow{i, trunc, repo, tag, d})
			}
		}
	}
	return rows
}

// namesOf parts an image's names: its repositories in the order in which they
// are named, those with tags first, and what is in each.
func namesOf(i imagetypes.Summary) (repos []string, tags, digests map[string][]string) {
	tags, digests = map[string][]string{}, map[string][]string{}
	for _, name := range slices.Concat(i.RepoTags, i.RepoDigests) {
		named, err := reference.ParseNormalizedNamed(name)
		if err != nil {
			continue
		}
		repo := reference.FamiliarName(named)
		if !slices.Contains(repos, repo) {
			repos = append(repos, repo)
		}
		switch n := named.(type) {
		case reference.Canonical:
			digests[repo] = append(digests[repo], n.Digest().String())
		case reference.NamedTagged:
			tags[repo] = append(tags[repo], n.Tag())
		}
	}
	return repos, tags, digests
}

// MarshalJSON writes all fields.
func (r imageRow) MarshalJSON() ([]byte, error) { return format.Fields(r) }

// ID is the image's, short or whole.
func (r imageRow) ID() string {
	if r.trunc {
		return shortID(r.i.ID)
	}
	return r.i.ID
}

// Repository is the name without its tag.
func (r imageRow) Repository() string { return r.repo }

// Tag is the name's.
func (r imageRow) Tag() string { return r.tag }

// Digest is by which a registry knows it.
func (r imageRow) Digest() string { return r.digest }

// CreatedSince is how long it is since it was made.
func (r imageRow) CreatedSince() string {
	if t := time.Unix(r.i.Created, 0); !t.IsZero() {
		return ago(t)
	}
	return ""
}

// CreatedAt is when it was made.
func (r imageRow) CreatedAt() string { return time.Unix(r.i.Created, 0).String() }

// Size is that of all its layers.
func (r imageRow) Size() string { return size(r.i.Size) }

// Containers is how many use it, where the daemon has counted.
func (r imageRow) Containers() string {
	if r.i.Containers == -1 {
		return "N/A"
	}
	return strconv.FormatInt(r.i.Containers, 10)
}

// VirtualSize is Size, in other words.
func (r imageRow) VirtualSize() string { return units.HumanSize(float64(r.i.Size)) }

// SharedSize is that of the layers that others have too.
func (r imageRow) SharedSize() string {
	if r.i.SharedSize == -1 {
		return "N/A"
	}
	return units.HumanSize(float64(r.i.SharedSize))
}

// UniqueSize is that of the layers that no other has.
func (r imageRow) UniqueSize() string {
	if r.i.Size == -1 || r.i.SharedSize == -1 {
		return "N/A"
	}
	return units.HumanSize(float64(r.i.Size - r.i.SharedSize))
}
