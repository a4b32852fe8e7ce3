package client

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Timestamp writes a time as the API takes it, in seconds since 1970. Given is
// how long before now, a date, a date and time, with or without its zone, or
// such a number already.
func Timestamp(value string, now time.Time) (string, error) {
	if d, err := time.ParseDuration(value); err == nil && value != "0" {
		return strconv.FormatInt(now.Add(-d).Unix(), 10), nil
	}
	t, err := parseTime(value, now.Location())
	if err == nil {
		return fmt.Sprintf("%d.%09d", t.Unix(), t.Nanosecond()), nil
	}
	if strings.Contains(value, "-") {
		return "", err // it was to be a date
	}
	seconds, nanoseconds, fraction := strings.Cut(value, ".")
	for _, digits := range []string{seconds, nanoseconds} {
		if _, err := strconv.ParseInt(digits, 10, 64); err != nil && (digits != "" || fraction) {
			return "", fmt.Errorf("failed to parse value as time or duration: %q", value)
		}
	}
	if seconds == "" {
		return "", fmt.Errorf("failed to parse value as time or duration: %q", value)
	}
	return value, nil
}

// parseTime reads what can be left out of RFC 3339: the zone, and the time of
// the day from its end.
func parseTime(value string, local *time.Location) (time.Time, error) {
	zoned := strings.ContainsAny(value, "zZ+") || strings.Count(value, "-") == 3
	layout := "2006-01-02"
	switch colons := strings.Count(value, ":"); {
	case strings.Contains(value, "."):
		layout = "2006-01-02T15:04:05.999999999"
	case strings.Contains(value, "T"):
		if zoned && !strings.ContainsAny(value, "zZ") && colons > 0 {
			colons-- // the zone's
		}
		layout += [...]string{"T15", "T15:04", "T15:04:05"}[min(colons, 2)]
	}
	if zoned {
		return time.Parse(layout+"Z07:00", value)
	}
	return time.ParseInLocation(layout, value, local)
}
