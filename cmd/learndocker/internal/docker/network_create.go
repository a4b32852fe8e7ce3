package docker

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"

	networktypes "github.com/moby/moby/api/types/network"
	"github.com/spf13/cobra"

	"github.com/learndocker/learndocker/cmd/learndocker/internal/runflags"
	"github.com/learndocker/learndocker/engine/client"
)

// ipamFlags say which addresses a network gives out.
type ipamFlags struct {
	driver   string
	subnets  []string
	ranges   []net.IPNet
	gateways []net.IP
	aux      runflags.Pairs
	options  runflags.Pairs
}

func newNetworkCreate(cli *CLI) *cobra.Command {
	var q networktypes.CreateRequest
	var ipv4, ipv6 bool
	var from string
	a := ipamFlags{options: runflags.Pairs{Values: map[string]string{}}, aux: runflags.Pairs{Values: map[string]string{}}}
	options, labels := runflags.Pairs{Values: map[string]string{}}, runflags.NewLabels()
	c := &cobra.Command{
		Use:   "create [OPTIONS] NETWORK",
		Short: "Create a network",
		Args:  exactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			q.Name, q.Options, q.Labels = args[0], options.Values, labels.Map()
			if c.Flags().Changed("ipv4") {
				q.EnableIPv4 = &ipv4
			}
			if c.Flags().Changed("ipv6") {
				q.EnableIPv6 = &ipv6
			}
			if from != "" {
				q.ConfigFrom = &networktypes.ConfigReference{Network: from}
			}
			var err error
			if q.IPAM, err = a.ipam(); err != nil {
				return err
			}
			return cli.do(func(cl *client.Client) error {
				id, err := cl.CreateNetwork(c.Context(), q)
				if err == nil {
					fmt.Fprintln(os.Stdout, id)
				}
				return err
			})
		},
	}
	f := c.Flags()
	f.StringVarP(&q.Driver, "driver", "d", "bridge", "Driver to manage the Network")
	f.VarP(&options, "opt", "o", "Set driver specific options")
	f.Var(&labels, "label", "Set metadata on a network")
	f.BoolVar(&q.Internal, "internal", false, "Restrict external access to the network")
	f.BoolVar(&ipv4, "ipv4", true, "Enable or disable IPv4 address assignment")
	f.BoolVar(&ipv6, "ipv6", false, "Enable or disable IPv6 address assignment")
	f.BoolVar(&q.Attachable, "attachable", false, "Enable manual container attachment")
	f.BoolVar(&q.Ingress, "ingress", false, "Create swarm routing-mesh network")
	f.StringVar(&q.Scope, "scope", "", "Control the network's scope")
	f.BoolVar(&q.ConfigOnly, "config-only", false, "Create a configuration only network")
	f.StringVar(&from, "config-from", "", "The network from which to copy the configuration")
	f.StringVar(&a.driver, "ipam-driver", "default", "IP Address Management Driver")
	f.StringSliceVar(&a.subnets, "subnet", []string{}, "Subnet in CIDR format that represents a network segment")
	f.IPNetSliceVar(&a.ranges, "ip-range", nil, "Allocate container ip from a sub-range")
	f.IPSliceVar(&a.gateways, "gateway", nil, "IPv4 or IPv6 Gateway for the master subnet")
	f.Var(&a.aux, "aux-address", "Auxiliary IPv4 or IPv6 addresses used by Network driver")
	f.Var(&a.options, "ipam-opt", "Set IPAM driver specific options")
	return c
}

// ipam puts ranges, gateways and addresses to the subnets that they are of.
func (a *ipamFlags) ipam() (*networktypes.IPAM, error) {
	if len(a.subnets) < len(a.ranges) || len(a.subnets) < len(a.gateways) {
		return nil, errors.New("every ip-range or gateway must have a corresponding subnet")
	}
	all, err := parseSubnets(a.subnets)
	if err != nil {
		return nil, err
	}
	of := func(address netip.Addr) *networktypes.IPAMConfig {
		for i := range all {
			if all[i].Subnet.Contains(address) {
				return &all[i]
			}
		}
		return nil
	}
	for _, r := range a.ranges {
		ones, _ := r.Mask.Size()
		s := of(addressOf(r.IP))
		if s == nil {
			return nil, fmt.Errorf("no matching subnet for range %s", r.String())
		}
		if s.IPRange.IsValid() {
			return nil, fmt.Errorf("cannot configure multiple ranges (%s, %s) on the same subnet (%s)", r.String(), s.IPRange, s.Subnet)
		}
		s.IPRange = netip.PrefixFrom(addressOf(r.IP), ones)
	}
	for _, g := range a.gateways {
		s := of(addressOf(g))
		if s == nil {
			return nil, fmt.Errorf("no matching subnet for gateway %s", g)
		}
		if s.Gateway.IsValid() {
			return nil, fmt.Errorf("cannot configure multiple gateways (%s, %s) for the same subnet (%s)", g, s.Gateway, s.Subnet)
		}
		s.Gateway = addressOf(g)
	}
	for name, text := range a.aux.Values {
		if text == "" {
			continue
		}
		address, err := netip.ParseAddr(text)
		if err != nil {
			return nil, err
		}
		s := of(address)
		if s == nil {
			return nil, fmt.Errorf("no matching subnet for aux-address %s", text)
		}
		s.AuxAddress[name] = address
	}
	return &networktypes.IPAM{Driver: a.driver, Options: a.options.Values, Config: all}, nil
}

func parseSubnets(given []string) ([]networktypes.IPAMConfig, error) {
	all := []networktypes.IPAMConfig{}
	for _, text := range given {
		if _, _, err := net.ParseCIDR(text); err != nil && len(given) > 1 {
			return nil, fmt.Errorf("invalid subnet: %w", err)
		}
		subnet, err := netip.ParsePrefix(text)
		if err != nil {
			return nil, err
		}
		for _, other := range all {
			if other.Subnet.Overlaps(subnet) {
				return nil, errors.New("multiple overlapping subnet configuration is not supported")
			}
		}
		all = append(all, networktypes.IPAMConfig{Subnet: subnet, AuxAddress: map[string]netip.Addr{}})
	}
	return all, nil
}
