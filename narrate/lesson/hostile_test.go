package lesson

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// script is a lesson with one key of its stop replaced.
func script(key string) string { return strings.Replace(good, "say: Hello.", key, 1) }

// TestHostileScripts: whatever a script holds, it is read or refused with its
// place, and soon.
func TestHostileScripts(t *testing.T) {
	bomb := "a0: &a0 [x, x]\n"
	for i := range 40 {
		bomb += fmt.Sprintf("a%d: &a%d [*a%d, *a%d]\n", i+1, i+1, i, i)
	}
	for _, c := range []struct{ name, script, want string }{
		{"only a comment", "# nothing\n", "mine.yaml:1:1: the lesson is empty"},
		{"only a head", "---\n", "mine.yaml:2:1: want a mapping"},
		{"NUL bytes", "format: 1\nid: \x00\n", "mine.yaml:"},
		{"bytes that are no text", "format: 1\nid: \xff\xfe\n", "mine.yaml:"},
		{"UTF-16", "\xff\xfef\x00o\x00r\x00m\x00a\x00t\x00:\x00 \x001\x00", "mine.yaml:1:"},
		{"tabs", "format: 1\nid: mine\nsteps:\n\t- run: docker\n", "mine.yaml:4:"},
		{"aliases by the million", bomb, "mine.yaml:1:1: unknown key"},
		{"a key twice", "format: 1\nid: mine\nid: other\nsteps: []\n", "already defined"},
		{"a stop's key twice", script("say: a\n        say: b"), "already defined"},
		{"merged keys", "format: 1\nid: mine\n<<: {steps: []}\n", `mine.yaml:3:1: unknown key "<<"`},
		{"keys that are no words", "? [a, b]\n: c\n", "mine.yaml:1:"},
		{"a list at the top", "- a\n", "mine.yaml:1:3: want a mapping"},
		{"a number at the top", "42\n", "mine.yaml:1:1"},
		{"null at the top", "null\n", "mine.yaml:1:1"},
		{"steps of null", "format: 1\nid: mine\nsteps: [null]\n", "mine.yaml:3:"},
		{"stops of null", "format: 1\nid: mine\nsteps: [{run: docker ps, stops: [null]}]\n", "mine.yaml:3:34: want a mapping"},
		{"a mapping for a list", "format: 1\nid: mine\nsteps: {run: docker ps}\n", "mine.yaml:3:"},
		{"a number beyond all", strings.Replace(good, "format: 1", "format: 99999999999999999999", 1), "mine.yaml:1:"},
		{"a tag of another kind", strings.Replace(good, "format: 1", "format: !!binary aGk=", 1), "mine.yaml:1:"},
		{"a tag of nobody's", strings.Replace(good, "id: mine", "id: !go/exec rm", 1), "mine.yaml:"},
		{"nested deeply", "format: 1\nid: mine\nsteps: " + strings.Repeat("[", 9000) + strings.Repeat("]", 9000) + "\n", "mine.yaml:"},
		{"nested too deeply", strings.Repeat("[", 200_000), "mine.yaml:"},
		{"mappings in mappings", strings.Repeat("{a: ", 20_000), "mine.yaml:"},
		{"an id with a path", strings.Replace(good, "id: mine", "id: ../../x", 1), "mine.yaml:2:5"},
		{"an id with escapes", strings.Replace(good, "id: mine", `id: "\e[2J"`, 1), "mine.yaml:2:5"},
		{"show that is null", strings.Replace(good, "[store]", "[null]", 1), `mine.yaml:8:16: unknown panel`},
		{"a question of one choice", script("predict: {question: q, answer: a, choices: [{key: a, text: A}]}"), "two choices or more"},
		{"an unknown stage to be answered at", script("predict: {ask: a, answer: b, at: image.lokup}"), `did you mean "image.lookup"?`},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Parse("mine.yaml", []byte(c.script))
			if err == nil {
				t.Fatal("no error")
			}
			if !strings.Contains(err.Error(), c.want) {
				t.Errorf("got:\n%.500v\nwant it to say: %s", err, c.want)
			}
			var placed *Error
			if !errors.As(err, &placed) || placed.Line < 1 || placed.Column < 1 {
				t.Errorf("an error without a place: %+v", placed)
			}
			if strings.ContainsAny(err.Error(), "\x00\x1b") {
				t.Errorf("the error would steer a terminal: %q", err)
			}
			if len(err.Error()) > 64<<10 {
				t.Errorf("the error has %d bytes", len(err.Error()))
			}
		})
	}
}

// TestCommands: what a lesson may run, and what not.
func TestCommands(t *testing.T) {
	for _, c := range []struct{ command, want string }{ // "" is allowed
		{"docker run hello-world", ""},
		{"docker run --rm -m 64m alpine ls -H", ""},
		{"docker run alpine sh --host --config -H", ""},
		{"docker run -e HOME=/x -w /H alpine true", ""},
		{"docker run --hostname h hello-world", ""},
		{"docker rm x", ""},
		{"docker container ls -a", ""},
		{"docker run -- alpine -H", ""},
		{"", "a lesson runs docker commands"},
		{"rm -rf /", "a lesson runs docker commands"},
		{"/bin/docker run x", "a lesson runs docker commands"},
		{"docker", "which command?"},
		{"docker -H tcp://elsewhere ps", "before the command"},
		{"docker --data-root /var/lib/other daemon", "before the command"},
		{"docker daemon", "no command for a lesson"},
		{"docker daemon --ephemeral /home", "no command for a lesson"},
		{"docker peek", `no command for a lesson; did you mean`},
		{"docker lesson hello-world", "no command for a lesson"},
		{"docker watch", "no command for a lesson"},
		{"docker replay x", "no command for a lesson"},
		{"docker completion bash", "no command for a lesson"},
		{"docker help", "no command for a lesson"},
		{"docker cp /etc/shadow x:/", "no command for a lesson"},
		{"docker container cp x:/ /root", "no command for a lesson"},
		{"docker build .", "no command for a lesson"},
		{"docker context use x", "no command for a lesson"},
		{"docker compose up", "no command for a lesson"},
		{"docker login", "no command for a lesson"},
		{"docker run -H tcp://elsewhere x", "has a daemon of its own"},
		{"docker run -dH tcp://elsewhere x", "has a daemon of its own"},
		{"docker run --rm --host=tcp://elsewhere x", "has a daemon of its own"},
		{"docker run --data-root /x y", "has a daemon of its own"},
		{"docker container run -H tcp://elsewhere x", "has a daemon of its own"},
		{"docker run --env-file /etc/shadow x", "files of the host"},
		{"docker run --cidfile=/etc/cron.d/x y", "files of the host"},
		{"docker run -v data:/data x ls -v /etc:/x", ""},
		{"docker run -v /data x", ""},
		{"docker run --mount type=volume,src=data,dst=/data x", ""},
		{"docker run --mount type=tmpfs,dst=/data x", ""},
		{"docker rm -v x", ""},
		{"docker run -v /etc:/x x", "files of the host"},
		{"docker run -v ./x:/x x", "files of the host"},
		{"docker run -v ~/x:/x x", "files of the host"},
		{"docker run -dv /etc:/x x", "files of the host"},
		{"docker run -v/etc:/x x", "files of the host"},
		{"docker run -v=/etc:/x x", "files of the host"},
		{"docker run --volume=/etc:/x x", "files of the host"},
		{"docker create --volume /etc:/x x", "files of the host"},
		{"docker container run --mount type=bind,src=/etc,dst=/x x", "files of the host"},
		{"docker run --mount src=/etc,dst=/x,type=bind x", "files of the host"},
		{`docker run --mount "type=bind",src=/etc,dst=/x x`, "files of the host"},
		{"docker run --mount type=volume,dst=/x,volume-opt=type=none,volume-opt=o=bind,volume-opt=device=/etc x", "files of the host"},
		{"docker volume create -o type=none -o o=bind -o device=/etc x", "options to a volume's driver"},
		{"docker volume create --opt device=/etc x", "files of the host"},
		{"docker rm x y -H tcp://elsewhere", "has a daemon of its own"},
		{"docker ps -aH tcp://elsewhere", "has a daemon of its own"},
	} {
		err := CheckCommand(strings.Fields(c.command))
		if (c.want == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.command, err, c.want)
		}
	}
	for _, run := range []string{"docker daemon", "docker -H x ps", "docker {{ stdout }}", "{{ stdout }}", "docker run -H {{ a b }} x"} {
		_, err := Parse("mine.yaml", []byte(strings.Replace(good, "docker run hello-world", `"`+run+`"`, 1)))
		if err == nil || !strings.Contains(err.Error(), "mine.yaml:4:10: ") {
			t.Errorf("%s: %v", run, err)
		}
	}
	if _, err := Parse("mine.yaml", []byte(strings.Replace(good, "docker run hello-world", `"docker rm {{ container.id + stdout }}"`, 1))); err != nil {
		t.Error(err)
	}
}

// FuzzCommand: whatever is allowed is docker, with a command of those that are
// listed and before anything else.
func FuzzCommand(f *testing.F) {
	f.Add("docker run --rm x -H")
	f.Add("docker -H x ps")
	f.Fuzz(func(t *testing.T, line string) {
		words := strings.Fields(line)
		if CheckCommand(words) != nil {
			return
		}
		if words[0] != "docker" || strings.HasPrefix(words[1], "-") || words[1] == "daemon" {
			t.Errorf("allowed: %q", line)
		}
	})
}
