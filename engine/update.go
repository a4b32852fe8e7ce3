//go:build linux

package engine

import (
	"context"
	"fmt"

	"github.com/moby/moby/api/types/blkiodev"
	containertypes "github.com/moby/moby/api/types/container"

	"github.com/learndocker/learndocker/engine/stage"
)

type throttleDevice = blkiodev.ThrottleDevice

// Update changes a container's limits and its restart policy; what the request
// leaves out stays. Of a running container the kernel is asked at once.
func (e *Engine) Update(ctx context.Context, c *Container, q containertypes.UpdateConfig) error {
	c.work.Lock()
	defer c.work.Unlock()
	c.mu.Lock()
	old := *c.record.HostConfig
	changed := merged(old, q)
	group, r := c.group, c.record
	c.mu.Unlock()
	if err := checkUpdate(old, q, &changed); err != nil {
		return Within(err, "Cannot update container %s", r.ID)
	}
	if err := validRestart(&changed); err != nil {
		return err
	}
	if err := checkLimits(&changed); err != nil {
		return err
	}
	if r.State.Running && group == nil && limitsChange(old, changed) {
		return errorOf(ErrConflict, "cannot update container %s: it has no control group on this machine", r.ID)
	}
	fact := stage.Updated{Container: r.ID, PID: r.State.Pid, Writes: []stage.Write{}}
	if group != nil && r.State.Running {
		writes, err := group.Update(e.kernel().WriteFile, limits(&changed))
		if err != nil {
			_, _ = group.Update(e.kernel().WriteFile, limits(&old)) // as much as the kernel lets us
			return fmt.Errorf("cannot update container %s: %w", r.ID, err)
		}
		fact.Writes = writes
	}
	c.mu.Lock()
	c.record.HostConfig = &changed
	err := c.save()
	if err != nil {
		c.record.HostConfig = &old
	}
	r = c.record
	c.mu.Unlock()
	if err != nil {
		return fmt.Errorf("update container: %w", err)
	}
	e.tell(r, "update", nil)
	return e.At(ctx, fact)
}

// merged puts what the request says in the place of what was so.
func merged(h containertypes.HostConfig, q containertypes.UpdateConfig) containertypes.HostConfig {
	for _, n := range []struct {
		to   *int64
		from int64
	}{
		{&h.Memory, q.Memory}, {&h.MemorySwap, q.MemorySwap}, {&h.MemoryReservation, q.MemoryReservation}, {&h.NanoCPUs, q.NanoCPUs},
		{&h.CPUShares, q.CPUShares}, {&h.CPUPeriod, q.CPUPeriod}, {&h.CPUQuota, q.CPUQuota},
		{&h.CPURealtimePeriod, q.CPURealtimePeriod}, {&h.CPURealtimeRuntime, q.CPURealtimeRuntime},
	} {
		if n.from != 0 {
			*n.to = n.from
		}
	}
	if q.CpusetCpus != "" {
		h.CpusetCpus = q.CpusetCpus
	}
	if q.CpusetMems != "" {
		h.CpusetMems = q.CpusetMems
	}
	if q.BlkioWeight != 0 {
		h.BlkioWeight = q.BlkioWeight
	}
	if q.PidsLimit != nil {
		h.PidsLimit = q.PidsLimit
	}
	if q.RestartPolicy.Name != "" {
		h.RestartPolicy = q.RestartPolicy
	}
	return h
}

// checkUpdate refuses what contradicts what was so before.
func checkUpdate(old containertypes.HostConfig, q containertypes.UpdateConfig, h *containertypes.HostConfig) error {
	switch {
	case old.NanoCPUs > 0 && q.CPUQuota != 0:
		return errorOf(ErrConflict, "Conflicting options: CPU Quota cannot be updated as NanoCPUs has already been set")
	case old.NanoCPUs > 0 && q.CPUPeriod != 0:
		return errorOf(ErrConflict, "Conflicting options: CPU Period cannot be updated as NanoCPUs has already been set")
	case (old.CPUQuota > 0 || old.CPUPeriod > 0) && q.NanoCPUs != 0:
		return errorOf(ErrConflict, "Conflicting options: Nano CPUs cannot be updated as CPU Period/Quota has already been set")
	case q.Memory > 0 && q.MemorySwap == 0 && old.MemorySwap > 0 && q.Memory > old.MemorySwap:
		return errorOf(ErrConflict, "Memory limit should be smaller than already set memoryswap limit, update the memoryswap at the same time")
	}
	if h.AutoRemove && h.RestartPolicy.Name != "" && h.RestartPolicy.Name != containertypes.RestartPolicyDisabled {
		return errorOf(ErrConflict, "Restart policy cannot be updated because AutoRemove is enabled for the container")
	}
	return nil
}

func limitsChange(a, b containertypes.HostConfig) bool {
	return fmt.Sprintf("%+v", limits(&a)) != fmt.Sprintf("%+v", limits(&b))
}
