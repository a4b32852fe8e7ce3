//go:build linux

package engine

import (
	"fmt"
	"math/rand/v2"
	"regexp"
)

// A container that is given no name gets one as Docker makes them: a mood and
// somebody to whom computing or the kernel owes something.
var (
	moods = []string{
		"amazing", "bold", "brave", "bright", "calm", "clever", "cool", "curious", "eager", "elegant", "fervent", "focused",
		"friendly", "gifted", "great", "happy", "hopeful", "keen", "kind", "laughing", "lucid", "modest", "nice", "nifty",
		"patient", "quirky", "serene", "sharp", "sleepy", "stoic", "trusting", "upbeat", "vibrant", "wise", "witty", "zen",
	}
	people = []string{
		"allen", "babbage", "backus", "bartik", "bell", "biederman", "cerf", "clarke", "cocks", "dijkstra", "engelbart", "euler",
		"floyd", "gauss", "goldberg", "hamilton", "heo", "hopper", "kernighan", "knuth", "lamport", "liskov", "lovelace", "mccarthy",
		"menage", "noether", "perlman", "pike", "ramanujan", "ritchie", "shannon", "shirley", "thompson", "torvalds", "turing", "wing",
	}
)

// freeName makes a name that no container has. The caller holds the lock.
func (c *core) freeName() string {
	for retry := 0; ; retry++ {
		name := moods[rand.IntN(len(moods))] + "_" + people[rand.IntN(len(people))]
		if retry > 10 {
			name += fmt.Sprint(rand.IntN(1000))
		}
		if c.named(name) == nil {
			return name
		}
	}
}

// nameCharacters are those of a name, as Docker tells them.
const nameCharacters = "[a-zA-Z0-9][a-zA-Z0-9_.-]"

var validName = regexp.MustCompile(`^` + nameCharacters + `+$`)
