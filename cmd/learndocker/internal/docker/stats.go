package docker

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/docker/go-units"
	containertypes "github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/events"
	"github.com/spf13/cobra"

	"github.com/learndocker/learndocker/cmd/learndocker/internal/format"
	"github.com/learndocker/learndocker/engine/client"
)

func newStats(cli *CLI) *cobra.Command {
	var all, once, noTrunc bool
	var as string
	c := &cobra.Command{
		Use:   "stats [OPTIONS] [CONTAINER...]",
		Short: "Display a live stream of container(s) resource usage statistics",
		Args:  minArgs(0),
		RunE: func(c *cobra.Command, args []string) error {
			if as == "" {
				as = cli.config().StatsFormat
			}
			return cli.do(func(cl *client.Client) error {
				ctx, cancel := context.WithCancel(c.Context())
				defer cancel()
				g := &gauges{cl: cl, follow: !once, all: all}
				if err := g.begin(ctx, args); err != nil {
					return err
				}
				return g.show(ctx, statsFormat(as), !noTrunc, len(args) == 0)
			})
		},
	}
	s := c.Flags()
	s.BoolVarP(&all, "all", "a", false, "Show all containers (default shows just running)")
	s.BoolVar(&once, "no-stream", false, "Disable streaming stats and only pull the first result")
	s.BoolVar(&noTrunc, "no-trunc", false, "Do not truncate output")
	s.StringVar(&as, "format", "", formatHelp)
	return c
}

func statsFormat(as string) string {
	if as == "" || as == format.Table {
		return `table {{.ID}}\t{{.Name}}\t{{.CPUPerc}}\t{{.MemUsage}}\t{{.MemPerc}}\t{{.NetIO}}\t{{.BlockIO}}\t{{.PIDs}}`
	}
	return as
}

// gauges reads what containers use, each on its own.
type gauges struct {
	cl          *client.Client
	follow, all bool

	mu    sync.Mutex
	list  []*gauge
	ended error // the daemon tells of no more events
}

// gauge is the last reading of one container.
type gauge struct {
	name  string
	mu    sync.Mutex
	last  usage
	err   error
	first chan struct{} // closed with the first reading, or that there is none
}

// begin starts to read the containers with these names, or all that run, also
// those to come. It returns once each has been read.
func (g *gauges) begin(ctx context.Context, names []string) error {
	if len(names) > 0 {
		for _, name := range names {
			g.add(ctx, name)
		}
		return errors.Join(g.awaitFirst()...)
	}
	subscribed := make(chan struct{})
	go g.followEvents(ctx, subscribed)
	<-subscribed // none that starts from here on is missed
	list, err := g.cl.Containers(ctx, client.ListOptions{All: g.all})
	if err != nil {
		return err
	}
	for _, c := range list {
		g.add(ctx, shortID(c.ID))
	}
	g.awaitFirst()
	return nil
}

func (g *gauges) awaitFirst() []error {
	var errs []error
	for _, each := range g.now() {
		<-each.first
		each.mu.Lock()
		errs = append(errs, each.err)
		each.mu.Unlock()
	}
	return errs
}

func (g *gauges) now() []*gauge {
	g.mu.Lock()
	defer g.mu.Unlock()
	return append([]*gauge{}, g.list...)
}

func (g *gauges) add(ctx context.Context, name string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, each := range g.list {
		if each.name == name {
			return
		}
	}
	each := &gauge{name: name, first: make(chan struct{}), last: usage{container: name, invalid: true}}
	g.list = append(g.list, each)
	go each.read(ctx, g.cl, g.follow)
}

func (g *gauges) remove(name string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for i, each := range g.list {
		if each.name == name {
			g.list = append(g.list[:i:i], g.list[i+1:]...)
			return
		}
	}
}

// followEvents adds containers that start and removes those that end.
func (g *gauges) followEvents(ctx context.Context, subscribed chan struct{}) {
	filters := client.Filters{}
	filters.Add("type", string(events.ContainerEventType))
	err := g.cl.EventsFrom(ctx, filters, func() { close(subscribed) }, func(e client.Event) error {
		switch id := shortID(e.Actor.ID); {
		case e.Action == events.ActionStart, e.Action == events.ActionCreate && g.all:
			g.add(ctx, id)
		case e.Action == events.ActionDie && !g.all:
			g.remove(id)
		}
		return nil
	})
	g.mu.Lock()
	defer g.mu.Unlock()
	g.ended = err
}

// tooLate is after what time a reading is no reading any more.
const tooLate = 2 * time.Second

// read reads until the container is gone. A container that has nothing to say
// is shown without numbers.
func (e *gauge) read(ctx context.Context, cl *client.Client, follow bool) {
	done := sync.OnceFunc(func() { close(e.first) })
	defer done()
	body, err := cl.Stats(ctx, e.name, follow)
	if err != nil {
		e.set(usage{container: e.name, invalid: true}, err)
		return
	}
	defer body.Close()
	readings := make(chan containertypes.StatsResponse)
	ended := make(chan error, 1)
	go decode(ctx, body, readings, ended)
	for {
		select {
		case r := <-readings:
			e.set(usageOf(e.name, r), nil)
		case err := <-ended:
			e.mu.Lock()
			e.last.invalid, e.err = true, err
			e.mu.Unlock()
			return
		case <-time.After(tooLate):
			e.set(usage{container: e.name, invalid: true}, errors.New("timeout waiting for stats"))
		}
		done()
		if !follow {
			return
		}
	}
}

func (e *gauge) set(u usage, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.last, e.err = u, err
}

func decode(ctx context.Context, body io.Reader, readings chan<- containertypes.StatsResponse, ended chan<- error) {
	d := json.NewDecoder(body)
	for {
		var r containertypes.StatsResponse
		if err := d.Decode(&r); err != nil {
			ended <- err
			return
		}
		select {
		case readings <- r:
		case <-ctx.Done():
			return
		}
	}
}

// show writes the readings, twice a second.
func (g *gauges) show(ctx context.Context, as string, trunc, forEver bool) error {
	clock := time.NewTicker(500 * time.Millisecond)
	defer clock.Stop()
	for {
		var rows []format.Row
		for _, each := range g.now() {
			each.mu.Lock()
			rows = append(rows, statsRow{each.last, trunc})
			each.mu.Unlock()
		}
		var text bytes.Buffer
		if err := format.Write(&text, as, statsHeaders(), rows); err != nil {
			return err
		}
		if !g.follow {
			_, err := text.WriteTo(os.Stdout)
			return err
		}
		drawOver(os.Stdout, text.String())
		g.mu.Lock()
		ended := g.ended
		g.mu.Unlock()
		if ended != nil && !errors.Is(ended, io.ErrUnexpectedEOF) {
			return ended
		}
		if ended != nil || len(rows) == 0 && !forEver {
			return nil
		}
		select {
		case <-clock.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// drawOver writes a screen over the one before, line by line: it does not
// flicker.
func drawOver(w io.Writer, text string) {
	var screen strings.Builder
	screen.WriteString("\x1b[H")
	for _, line := range strings.Split(text, "\n") {
		screen.WriteString(line + " \x1b[K\n")
	}
	screen.WriteString("\x1b[J")
	_, _ = io.WriteString(w, screen.String()) // a terminal that is gone has nobody before it
}

// usage is one reading.
type usage struct {
	container, name, id                                            string
	cpu, memory, limit, memoryShare, rx, tx, blockRead, blockWrite float64
	pids                                                           uint64
	invalid                                                        bool
}

func usageOf(container string, r containertypes.StatsResponse) usage {
	u := usage{container: container, name: r.Name, id: r.ID, limit: float64(r.MemoryStats.Limit), pids: r.PidsStats.Current}
	u.cpu = cpuShare(r)
	u.memory = memoryOf(r.MemoryStats)
	if u.limit != 0 {
		u.memoryShare = u.memory / u.limit * 100
	}
	for _, n := range r.Networks {
		u.rx += float64(n.RxBytes)
		u.tx += float64(n.TxBytes)
	}
	for _, b := range r.BlkioStats.IoServiceBytesRecursive {
		switch {
		case strings.HasPrefix(strings.ToLower(b.Op), "r"):
			u.blockRead += float64(b.Value)
		case strings.HasPrefix(strings.ToLower(b.Op), "w"):
			u.blockWrite += float64(b.Value)
		}
	}
	return u
}

// cpuShare is the share of the machine's time between two readings, 100 for
// each CPU.
func cpuShare(r containertypes.StatsResponse) float64 {
	used := float64(r.CPUStats.CPUUsage.TotalUsage) - float64(r.PreCPUStats.CPUUsage.TotalUsage)
	all := float64(r.CPUStats.SystemUsage) - float64(r.PreCPUStats.SystemUsage)
	cpus := float64(r.CPUStats.OnlineCPUs)
	if cpus == 0 {
		cpus = float64(len(r.CPUStats.CPUUsage.PercpuUsage))
	}
	if used <= 0 || all <= 0 {
		return 0
	}
	return used / all * cpus * 100
}

// memoryOf leaves out the part of the page cache that could go at once; cgroup
// v1 calls it otherwise than v2.
func memoryOf(m containertypes.MemoryStats) float64 {
	for _, name := range []string{"total_inactive_file", "inactive_file"} {
		if v, ok := m.Stats[name]; ok && v < m.Usage {
			return float64(m.Usage - v)
		}
	}
	return float64(m.Usage)
}

// statsRow is a reading in a list.
type statsRow struct {
	u     usage
	trunc bool
}

func statsHeaders() format.Headers {
	return format.Headers{
		"Container": "CONTAINER", "Name": "NAME", "ID": "CONTAINER ID", "CPUPerc": "CPU %", "MemUsage": "MEM USAGE / LIMIT", "MemPerc": "MEM %",
		"NetIO": "NET I/O", "BlockIO": "BLOCK I/O", "PIDs": "PIDS",
	}
}

const noReading = "--"

// MarshalJSON writes all fields.
func (r statsRow) MarshalJSON() ([]byte, error) { return format.Fields(r) }

// Container is what it was asked for by.
func (r statsRow) Container() string { return r.u.container }

// Name is the container's.
func (r statsRow) Name() string {
	if len(r.u.name) > 1 {
		return r.u.name[1:]
	}
	return noReading
}

// ID is the container's, short or whole.
func (r statsRow) ID() string {
	if r.trunc {
		return shortID(r.u.id)
	}
	return r.u.id
}

func (r statsRow) ifRead(s string) string {
	if r.u.invalid {
		return noReading
	}
	return s
}

// CPUPerc is the share of the CPUs' time.
func (r statsRow) CPUPerc() string { return r.ifRead(fmt.Sprintf("%.2f%%", r.u.cpu)) }

// MemUsage is the memory, and how much may be.
func (r statsRow) MemUsage() string {
	if r.u.invalid {
		return "-- / --"
	}
	return units.BytesSize(r.u.memory) + " / " + units.BytesSize(r.u.limit)
}

// MemPerc is the share of that.
func (r statsRow) MemPerc() string { return r.ifRead(fmt.Sprintf("%.2f%%", r.u.memoryShare)) }

// NetIO is what came from the network and went there.
func (r statsRow) NetIO() string { return r.ifRead(size(int64(r.u.rx)) + " / " + size(int64(r.u.tx))) }

// BlockIO is what was read from disks and written there.
func (r statsRow) BlockIO() string {
	return r.ifRead(size(int64(r.u.blockRead)) + " / " + size(int64(r.u.blockWrite)))
}

// PIDs is how many processes there are.
func (r statsRow) PIDs() string { return r.ifRead(strconv.FormatUint(r.u.pids, 10)) }
