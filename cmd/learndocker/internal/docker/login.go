package docker

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/docker/cli/cli/config/configfile"
	"github.com/docker/cli/cli/config/credentials"
	"github.com/docker/cli/cli/config/types"
	"github.com/moby/moby/api/types/registry"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/learndocker/learndocker/engine/client"
)

// loginFlags are those of login.
type loginFlags struct {
	user, password string
	stdin          bool
}

func newLogin(cli *CLI) *cobra.Command {
	var f loginFlags
	c := &cobra.Command{
		Use:   "login [OPTIONS] [SERVER]",
		Short: "Authenticate to a registry",
		Long:  "Authenticate to a registry.\nDefaults to Docker Hub if no server is specified.",
		Args:  maxArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if err := f.check(c); err != nil {
				return err
			}
			server := hubKey
			if len(args) > 0 && args[0] != "" && args[0] != "docker.io" {
				server = args[0]
			}
			return cli.do(func(cl *client.Client) error { return cli.login(c.Context(), cl, f, server) })
		},
	}
	c.Flags().StringVarP(&f.user, "username", "u", "", "Username")
	c.Flags().StringVarP(&f.password, "password", "p", "", "Password or Personal Access Token (PAT)")
	c.Flags().BoolVar(&f.stdin, "password-stdin", false, "Take the Password or Personal Access Token (PAT) from stdin")
	return c
}

func (f *loginFlags) check(c *cobra.Command) error {
	given := c.Flags().Changed
	switch {
	case given("password-stdin") && given("password"):
		return errors.New("conflicting options: cannot specify both --password and --password-stdin")
	case given("password-stdin") && !given("username"):
		return errors.New("the --password-stdin option requires --username to be set")
	case given("username") && f.user == "":
		return errors.New("username is empty")
	case given("password") && f.password == "":
		return errors.New("password is empty")
	}
	return nil
}

func (cli *CLI) login(ctx context.Context, cl *client.Client, f loginFlags, server string) error {
	if f.password != "" {
		fmt.Fprintln(os.Stderr, "WARNING! Using --password via the CLI is insecure. Use --password-stdin.")
	}
	if f.stdin {
		data, err := io.ReadAll(os.Stdin)
		if err != nil {
			return err
		}
		f.password = strings.TrimSuffix(strings.TrimSuffix(string(data), "\n"), "\r")
	}
	settings := cli.config()
	key := server
	if server != hubKey {
		key = credentials.ConvertToHostname(server)
	}
	if f.user == "" && f.password == "" {
		if done, err := known(ctx, cl, settings, key); done {
			return err
		}
	}
	auth, err := cli.prompt(f, key)
	if err != nil {
		return err
	}
	answer, err := cl.Login(ctx, registry.AuthConfig(auth))
	if err != nil {
		return err
	}
	return keep(settings, auth, answer)
}

// known tries the credentials that are kept already. done means that there is
// nothing left to ask a person for.
func known(ctx context.Context, cl *client.Client, settings *configfile.ConfigFile, key string) (done bool, err error) {
	auth, err := settings.GetAuthConfig(key)
	if err != nil || auth.Username == "" || auth.Password == "" {
		return false, nil
	}
	auth.ServerAddress, auth.IdentityToken = key, ""
	fmt.Fprintf(os.Stderr, "Authenticating with existing credentials... [Username: %s]\n", auth.Username)
	answer, err := cl.Login(ctx, registry.AuthConfig(auth))
	if err != nil {
		fmt.Fprintln(os.Stderr, "Login did not succeed, error:", InWords(err))
		return false, nil
	}
	return true, keep(settings, auth, answer)
}

func keep(settings *configfile.ConfigFile, auth types.AuthConfig, answer registry.AuthResponse) error {
	if answer.IdentityToken != "" {
		auth.Password, auth.IdentityToken = "", answer.IdentityToken
	}
	if err := settings.GetCredentialsStore(auth.ServerAddress).Store(auth); err != nil {
		return fmt.Errorf("Error saving credentials: %w", err)
	}
	if answer.Status != "" {
		fmt.Fprintln(os.Stdout, answer.Status)
	}
	return nil
}

// prompt asks a person for what the flags do not say.
func (cli *CLI) prompt(f loginFlags, key string) (types.AuthConfig, error) {
	auth := types.AuthConfig{Username: strings.TrimSpace(f.user), Password: strings.TrimSpace(f.password), ServerAddress: key}
	if (f.user == "" || f.password == "") && !cli.streams().InIsTerminal() {
		return auth, errors.New("Error: Cannot perform an interactive login from a non TTY device")
	}
	if auth.Username == "" {
		fmt.Fprint(os.Stdout, "Username: ")
		line, err := bufio.NewReader(os.Stdin).ReadString('\n')
		if auth.Username = strings.TrimSpace(line); auth.Username == "" {
			return auth, errors.Join(errors.New("Error: Non-null Username Required"), ignoreEOF(err))
		}
	}
	if auth.Password == "" {
		fmt.Fprint(os.Stdout, "Password: ")
		line, err := term.ReadPassword(int(os.Stdin.Fd()))
		fmt.Fprintln(os.Stdout)
		if auth.Password = strings.TrimSpace(string(line)); auth.Password == "" {
			return auth, errors.Join(errors.New("Error: Password Required"), ignoreEOF(err))
		}
	}
	return auth, nil
}

func ignoreEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

func newLogout(cli *CLI) *cobra.Command {
	return &cobra.Command{
		Use:   "logout [SERVER]",
		Short: "Log out from a registry",
		Long:  "Log out from a registry.\nIf no server is specified, the default is defined by the daemon.",
		Args:  maxArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			server, keys := hubKey, []string{hubKey}
			if len(args) > 0 && args[0] != "" { // it may have been kept under any of these
				server = credentials.ConvertToHostname(args[0])
				keys = []string{args[0], server, "http://" + server, "https://" + server}
			}
			fmt.Fprintln(os.Stdout, "Removing login credentials for", server)
			settings := cli.config()
			var failed []string
			for _, key := range keys {
				if err := settings.GetCredentialsStore(key).Erase(key); err != nil {
					failed = append(failed, fmt.Sprintf("%s: %s", key, err))
				}
			}
			if len(failed) == len(keys) {
				fmt.Fprintln(os.Stderr, "WARNING: could not erase credentials:\n"+strings.Join(failed, "\n"))
			}
			return nil
		},
	}
}
