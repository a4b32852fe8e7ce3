package docker

import (
	"errors"
	"fmt"
	"os"
	"strings"

	containertypes "github.com/moby/moby/api/types/container"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/learndocker/learndocker/cmd/learndocker/internal/runflags"
	"github.com/learndocker/learndocker/engine/client"
)

// updateFlags are the limits that can be changed while a container runs.
type updateFlags struct {
	blkio                                            uint16
	shares, period, quota, rtPeriod, rtRuntime, pids int64
	cpuset, mems, restart                            string
	memory, reservation                              runflags.Bytes
	swap                                             runflags.SwapBytes
	cpus                                             runflags.CPUs
}

func (f *updateFlags) declare(s *pflag.FlagSet) {
	s.Uint16Var(&f.blkio, "blkio-weight", 0, "Block IO (relative weight), between 10 and 1000, or 0 to disable (default 0)")
	s.Int64Var(&f.period, "cpu-period", 0, "Limit CPU CFS (Completely Fair Scheduler) period")
	s.Int64Var(&f.quota, "cpu-quota", 0, "Limit CPU CFS (Completely Fair Scheduler) quota")
	s.Int64Var(&f.rtPeriod, "cpu-rt-period", 0, "Limit the CPU real-time period in microseconds")
	s.Int64Var(&f.rtRuntime, "cpu-rt-runtime", 0, "Limit the CPU real-time runtime in microseconds")
	s.StringVar(&f.cpuset, "cpuset-cpus", "", "CPUs in which to allow execution (0-3, 0,1)")
	s.StringVar(&f.mems, "cpuset-mems", "", "MEMs in which to allow execution (0-3, 0,1)")
	s.Int64VarP(&f.shares, "cpu-shares", "c", 0, "CPU shares (relative weight)")
	s.VarP(&f.memory, "memory", "m", "Memory limit")
	s.Var(&f.reservation, "memory-reservation", "Memory soft limit")
	s.Var(&f.swap, "memory-swap", "Swap limit equal to memory plus swap: -1 to enable unlimited swap")
	s.StringVar(&f.restart, "restart", "", "Restart policy to apply when a container exits")
	s.Int64Var(&f.pids, "pids-limit", 0, "Tune container pids limit (set -1 for unlimited)")
	s.Var(&f.cpus, "cpus", "Number of CPUs")
}

func (f *updateFlags) config() (containertypes.UpdateConfig, error) {
	u := containertypes.UpdateConfig{Resources: containertypes.Resources{
		BlkioWeight: f.blkio, CpusetCpus: f.cpuset, CpusetMems: f.mems, CPUShares: f.shares, Memory: int64(f.memory),
		MemoryReservation: int64(f.reservation), MemorySwap: int64(f.swap.Bytes), CPUPeriod: f.period, CPUQuota: f.quota,
		CPURealtimePeriod: f.rtPeriod, CPURealtimeRuntime: f.rtRuntime, NanoCPUs: int64(f.cpus),
	}}
	if f.pids != 0 {
		u.PidsLimit = &f.pids
	}
	var err error
	u.RestartPolicy, err = runflags.RestartPolicy(f.restart)
	return u, err
}

func newUpdate(cli *CLI) *cobra.Command {
	var f updateFlags
	c := &cobra.Command{
		Use:   "update [OPTIONS] CONTAINER [CONTAINER...]",
		Short: "Update configuration of one or more containers",
		Args:  minArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if c.Flags().NFlag() == 0 {
				return errors.New("you must provide one or more flags when using this command")
			}
			u, err := f.config()
			if err != nil {
				return err
			}
			var warnings []string
			err = cli.inTurn(args, func(cl *client.Client, name string) error {
				said, err := cl.Update(c.Context(), name, u)
				warnings = append(warnings, said...)
				return err
			})
			if len(warnings) > 0 {
				fmt.Fprintln(os.Stdout, strings.Join(warnings, "\n"))
			}
			return err
		},
	}
	f.declare(c.Flags())
	return c
}
