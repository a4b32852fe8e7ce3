package docker

import (
	"fmt"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/moby/moby/api/types/network"
	"github.com/spf13/cobra"

	"github.com/learndocker/learndocker/engine/client"
)

func newPort(cli *CLI) *cobra.Command {
	return &cobra.Command{
		Use:   "port CONTAINER [PRIVATE_PORT[/PROTO]]",
		Short: "List port mappings or a specific mapping for the container",
		Args:  rangeArgs(1, 2),
		RunE: func(c *cobra.Command, args []string) error {
			return cli.do(func(cl *client.Client) error {
				info, _, err := cl.InspectContainer(c.Context(), args[0], false)
				if err != nil {
					return err
				}
				var lines []string
				if len(args) == 1 {
					lines = allMappings(info.NetworkSettings.Ports)
				} else if lines, err = mappings(info.NetworkSettings.Ports, args[1], args[0]); err != nil {
					return err
				}
				for _, l := range lines {
					fmt.Fprintln(os.Stdout, l)
				}
				return nil
			})
		},
	}
}

func outside(b network.PortBinding) string {
	ip := ""
	if b.HostIP.IsValid() {
		ip = b.HostIP.String()
	}
	return net.JoinHostPort(ip, b.HostPort)
}

func allMappings(ports network.PortMap) []string {
	var lines []string
	for inside, bindings := range ports {
		for _, b := range bindings {
			lines = append(lines, fmt.Sprintf("%s -> %s", inside, outside(b)))
		}
	}
	slices.SortFunc(lines, naturally)
	return lines
}

func mappings(ports network.PortMap, wanted, container string) ([]string, error) {
	number, protocol, _ := strings.Cut(wanted, "/")
	if protocol == "" {
		protocol = "tcp"
	}
	n, err := strconv.ParseUint(number, 10, 16)
	if err != nil {
		return nil, fmt.Errorf("Error: invalid port (%s): %w", number, err)
	}
	inside, _ := network.PortFrom(uint16(n), network.IPProtocol(protocol))
	var lines []string
	for _, b := range ports[inside] {
		lines = append(lines, outside(b))
	}
	if len(lines) == 0 {
		return nil, fmt.Errorf("Error: No public port '%s' published for %s", wanted, container)
	}
	slices.SortFunc(lines, naturally)
	return lines, nil
}

// naturally compares texts as people sort them: numbers in them by their value.
func naturally(a, b string) int {
	for a != "" && b != "" {
		m, n := digits(a), digits(b)
		if m > 0 && n > 0 {
			x, y := strings.TrimLeft(a[:m], "0"), strings.TrimLeft(b[:n], "0")
			if len(x) != len(y) {
				return len(x) - len(y)
			}
			if c := strings.Compare(x, y); c != 0 {
				return c
			}
			a, b = a[m:], b[n:]
			continue
		}
		if a[0] != b[0] {
			return int(a[0]) - int(b[0])
		}
		a, b = a[1:], b[1:]
	}
	return len(a) - len(b)
}

// digits is how many digits a text begins with.
func digits(s string) int { return len(s) - len(strings.TrimLeft(s, "0123456789")) }
