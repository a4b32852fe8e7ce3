package docker

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"

	networktypes "github.com/moby/moby/api/types/network"
	"github.com/spf13/cobra"

	"github.com/learndocker/learndocker/cmd/learndocker/internal/format"
	"github.com/learndocker/learndocker/cmd/learndocker/internal/runflags"
	"github.com/learndocker/learndocker/engine/client"
)

func newNetworkLs(cli *CLI) *cobra.Command {
	var f listFlags
	c := &cobra.Command{
		Use:     "ls [OPTIONS]",
		Aliases: []string{"list"},
		Short:   "List networks",
		Args:    noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			as := f.format
			if as == "" && !f.quiet {
				as = cli.config().NetworksFormat
			}
			return cli.do(func(cl *client.Client) error {
				list, err := cl.Networks(c.Context(), f.filter.value())
				if err != nil {
					return err
				}
				slices.SortFunc(list, func(a, b networktypes.Summary) int { return naturally(a.Name, b.Name) })
				var rows []format.Row
				for _, n := range list {
					rows = append(rows, networkRow{n, !f.noTrunc})
				}
				return format.Write(os.Stdout, networkFormat(as, f.quiet), networkHeaders(), rows)
			})
		},
	}
	f.declare(c, "Only display network IDs")
	f.declareNoTrunc(c)
	return c
}

func networkFormat(as string, quiet bool) string {
	switch {
	case (as == "" || as == format.Table) && quiet:
		return "{{.ID}}"
	case as == "" || as == format.Table:
		return `table {{.ID}}\t{{.Name}}\t{{.Driver}}\t{{.Scope}}`
	case as == "raw" && quiet:
		return "network_id: {{.ID}}"
	case as == "raw":
		return `network_id: {{.ID}}\nname: {{.Name}}\ndriver: {{.Driver}}\nscope: {{.Scope}}\n`
	}
	return as
}

func newNetworkInspect(cli *CLI) *cobra.Command {
	var as string
	c := &cobra.Command{
		Use:   "inspect [OPTIONS] NETWORK [NETWORK...]",
		Short: "Display detailed information on one or more networks",
		Args:  minArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return cli.inspectAll(c.Context(), args, as, lookAtNetwork)
		},
	}
	declareInspectFormat(c, &as)
	c.Flags().BoolP("verbose", "v", false, "Verbose output for diagnostics") // of a swarm's services
	return c
}

func newNetworkRm(cli *CLI) *cobra.Command {
	var force bool
	c := &cobra.Command{
		Use:     "rm NETWORK [NETWORK...]",
		Aliases: []string{"remove"},
		Short:   "Remove one or more networks",
		Args:    minArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			failed := false
			err := cli.inTurn(args, func(cl *client.Client, name string) error {
				err := cl.RemoveNetwork(c.Context(), name)
				switch {
				case err != nil && force && isMissing(err):
					return errSaid
				case err != nil:
					fmt.Fprintln(os.Stderr, InWords(err))
					failed = true
					return errSaid
				}
				return nil
			})
			if err == nil && failed {
				return &Failure{1, errors.New("exit status 1")}
			}
			return err
		},
	}
	c.Flags().BoolVarP(&force, "force", "f", false, "Do not error if the network does not exist")
	return c
}

func newNetworkConnect(cli *CLI) *cobra.Command {
	var links runflags.List
	var aliases, options []string
	var ip, ip6 net.IP
	var linkLocal []net.IP
	var priority int
	c := &cobra.Command{
		Use:   "connect [OPTIONS] NETWORK CONTAINER",
		Short: "Connect a container to a network",
		Args:  exactArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			s := &networktypes.EndpointSettings{Links: links.Values, Aliases: aliases, DriverOpts: map[string]string{}, GwPriority: priority}
			s.IPAMConfig = &networktypes.EndpointIPAMConfig{IPv4Address: addressOf(ip), IPv6Address: addressOf(ip6)}
			for _, a := range linkLocal {
				s.IPAMConfig.LinkLocalIPs = append(s.IPAMConfig.LinkLocalIPs, addressOf(a))
			}
			for _, o := range options {
				k, v, ok := strings.Cut(o, "=")
				if k = strings.TrimSpace(k); !ok || k == "" {
					return errors.New("invalid key/value pair format in driver options")
				}
				s.DriverOpts[k] = strings.TrimSpace(v)
			}
			return cli.do(func(cl *client.Client) error { return cl.ConnectNetwork(c.Context(), args[0], args[1], s) })
		},
	}
	f := c.Flags()
	f.IPVar(&ip, "ip", nil, `IPv4 address (e.g., "172.30.100.104")`)
	f.IPVar(&ip6, "ip6", nil, `IPv6 address (e.g., "2001:db8::33")`)
	f.Var(&links, "link", "Add link to another container")
	f.StringSliceVar(&aliases, "alias", []string{}, "Add network-scoped alias for the container")
	f.IPSliceVar(&linkLocal, "link-local-ip", nil, "Add a link-local address for the container")
	f.StringSliceVar(&options, "driver-opt", []string{}, "driver options for the network")
	f.IntVar(&priority, "gw-priority", 0, "Highest gw-priority provides the default gateway. Accepts positive and negative values.")
	return c
}

func addressOf(ip net.IP) netip.Addr {
	a, _ := netip.AddrFromSlice(ip) // none is none
	return a.Unmap()
}

func newNetworkDisconnect(cli *CLI) *cobra.Command {
	var force bool
	c := &cobra.Command{
		Use:   "disconnect [OPTIONS] NETWORK CONTAINER",
		Short: "Disconnect a container from a network",
		Args:  exactArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			return cli.do(func(cl *client.Client) error { return cl.DisconnectNetwork(c.Context(), args[0], args[1], force) })
		},
	}
	c.Flags().BoolVarP(&force, "force", "f", false, "Force the container to disconnect from a network")
	return c
}

func newPruneNetworks(cli *CLI) *cobra.Command {
	var f pruneFlags
	c := &cobra.Command{
		Use:   "prune [OPTIONS]",
		Short: "Remove all unused networks",
		Args:  noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if yes, err := f.confirmed(c.Context(), "WARNING! This will remove all custom networks not used by at least one container."+sure); err != nil || !yes {
				return err
			}
			return cli.do(func(cl *client.Client) error {
				gone, err := pruneNetworks(c.Context(), cl, false, f.filters(cli))
				if gone.said != "" {
					fmt.Fprintln(os.Stdout, gone.said)
				}
				return err
			})
		},
	}
	f.declare(c, "")
	return c
}

// networkRow is a network in a list.
type networkRow struct {
	n     networktypes.Summary
	trunc bool
}

func networkHeaders() format.Headers {
	return format.Headers{
		"ID": "NETWORK ID", "Name": "NAME", "Driver": "DRIVER", "Scope": "SCOPE", "IPv4": "IPV4", "IPv6": "IPV6", "Internal": "INTERNAL",
		"Labels": "LABELS", "CreatedAt": "CREATED AT",
	}
}

// MarshalJSON writes all fields.
func (r networkRow) MarshalJSON() ([]byte, error) { return format.Fields(r) }

// ID is the network's.
func (r networkRow) ID() string {
	if r.trunc {
		return shortID(r.n.ID)
	}
	return r.n.ID
}

// Name is the network's.
func (r networkRow) Name() string { return r.n.Name }

// Driver is who makes it.
func (r networkRow) Driver() string { return r.n.Driver }

// Scope is local, or a swarm's.
func (r networkRow) Scope() string { return r.n.Scope }

// IPv4 is whether it has such addresses.
func (r networkRow) IPv4() string { return strconv.FormatBool(r.n.EnableIPv4) }

// IPv6 is whether it has such addresses.
func (r networkRow) IPv6() string { return strconv.FormatBool(r.n.EnableIPv6) }

// Internal is whether it has no way out.
func (r networkRow) Internal() string { return strconv.FormatBool(r.n.Internal) }

// Labels are all of them.
func (r networkRow) Labels() string { return labelList(r.n.Labels) }

// Label is the value of one.
func (r networkRow) Label(name string) string { return r.n.Labels[name] }

// CreatedAt is when it was made.
func (r networkRow) CreatedAt() string { return r.n.Created.String() }
