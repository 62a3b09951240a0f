package compat

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/vault/api"
)

// patience is how long a server may take to do what it always does, on a machine that is busy with other tests.
const patience = 60 * time.Second

// server is a process named "vault", as test suites of clients start one.
type server struct {
	process *exec.Cmd
	dir     string
	mutex   sync.Mutex
	output  strings.Builder
}

// vault links the program that is under test to the name that suites look for.
func vault(t *testing.T) string {
	t.Helper()
	link := filepath.Join(t.TempDir(), "vault")
	if err := os.Symlink(os.Getenv("LEASEHOLD_PROGRAM"), link); err != nil {
		t.Fatal(err)
	}
	return link
}

func start(t *testing.T, arguments ...string) *server {
	t.Helper()
	dir := t.TempDir()
	s := &server{process: exec.Command(vault(t), append([]string{"server"}, arguments...)...), dir: dir}
	s.process.Env = append(os.Environ(), "HOME="+dir)
	s.process.Dir = dir
	stdout, err := s.process.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	stderr, err := s.process.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.process.Start(); err != nil {
		t.Fatal(err)
	}
	for _, stream := range []io.Reader{stdout, stderr} {
		go s.collect(stream)
	}
	t.Cleanup(func() {
		s.process.Process.Signal(os.Interrupt)
		s.process.Wait()
		if t.Failed() {
			t.Log(s.said())
		}
	})
	return s
}

func (s *server) collect(stream io.Reader) {
	lines := bufio.NewScanner(stream)
	for lines.Scan() {
		s.mutex.Lock()
		s.output.WriteString(lines.Text() + "\n")
		s.mutex.Unlock()
	}
}

func (s *server) said() string {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.output.String()
}

// says waits for a line of the server's output.
func (s *server) says(t *testing.T, line string) []string {
	t.Helper()
	pattern := regexp.MustCompile(line)
	var found []string
	eventually(t, "the server says "+line, func() bool {
		found = pattern.FindStringSubmatch(s.said())
		return found != nil
	})
	return found
}

func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !condition(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain: %s", what)
		}
	}
}

func freePort(t *testing.T) int {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port
}

// certificate makes one for the loopback address, which is its own authority, and its key; the paths of both.
func certificate(t *testing.T) (string, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		Subject:               pkix.Name{CommonName: "localhost"},
		IPAddresses:           []net.IP{net.IPv4(127, 0, 0, 1)},
		DNSNames:              []string{"localhost"},
		NotBefore:             time.Now().Add(-time.Minute),
		NotAfter:              time.Now().Add(time.Hour),
		KeyUsage:              x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		IsCA:                  true,
		BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	encoded, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write := func(name, kind string, bytes []byte) string {
		path := filepath.Join(dir, name)
		text := pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: bytes})
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	return write("cert.pem", "CERTIFICATE", der), write("key.pem", "EC PRIVATE KEY", encoded)
}

// fromEnvironment is a client that knows nothing but what the environment says.
func fromEnvironment(t *testing.T, variables map[string]string) *api.Client {
	t.Helper()
	t.Setenv("VAULT_MAX_RETRIES", "0")
	for _, name := range []string{"VAULT_ADDR", "VAULT_TOKEN", "VAULT_CACERT", "VAULT_SKIP_VERIFY"} {
		t.Setenv(name, variables[name])
	}
	client, err := api.NewClient(api.DefaultConfig())
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func initialise(t *testing.T, client *api.Client) {
	t.Helper()
	eventually(t, "the server answers", func() bool {
		health, err := client.Sys().Health()
		return err == nil && !health.Initialized && health.Sealed
	})
	made, err := client.Sys().Init(&api.InitRequest{SecretShares: 3, SecretThreshold: 2})
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range made.KeysB64[:2] {
		if _, err := client.Sys().Unseal(key); err != nil {
			t.Fatal(err)
		}
	}
	client.SetToken(made.RootToken)
	health, err := client.Sys().Health()
	if err != nil || health.Sealed || !health.Initialized || health.Standby {
		t.Fatalf("%+v, %v", health, err)
	}
}

func TestASuiteStartsItsOwnServerWithTLS(t *testing.T) {
	for _, storage := range []string{"backend", "storage"} {
		t.Run(storage, func(t *testing.T) {
			cert, key := certificate(t)
			port := freePort(t)
			config := fmt.Sprintf(`
				disable_mlock = true
				ui            = true
				api_addr      = "https://127.0.0.1:%[1]d"

				%[2]s "inmem" {}

				listener "tcp" {
				  address       = "127.0.0.1:%[1]d"
				  tls_cert_file = "%[3]s"
				  tls_key_file  = "%[4]s"
				}`, port, storage, cert, key)
			file := filepath.Join(t.TempDir(), "config.hcl")
			if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
				t.Fatal(err)
			}
			s := start(t, "-config="+file, "-log-level=debug")
			s.says(t, "Vault server started!")
			address := fmt.Sprintf("https://127.0.0.1:%d", port)

			initialise(t, fromEnvironment(t, map[string]string{"VAULT_ADDR": address, "VAULT_CACERT": cert}))
			status, err := fromEnvironment(t, map[string]string{"VAULT_ADDR": address, "VAULT_SKIP_VERIFY": "true"}).Sys().SealStatus()
			if err != nil || status.Sealed || status.N != 3 || status.T != 2 || status.StorageType != "inmem" {
				t.Fatalf("%+v, %v", status, err)
			}
			if _, err := fromEnvironment(t, map[string]string{"VAULT_ADDR": address}).Sys().SealStatus(); err == nil {
				t.Fatal("a certificate that nobody vouches for is taken")
			}
		})
	}
}

func TestASuiteStartsADevelopmentServer(t *testing.T) {
	port := freePort(t)
	s := start(t, "-dev", "-dev-root-token-id=chosen-root", fmt.Sprintf("-dev-listen-address=127.0.0.1:%d", port),
		"-log-level", "trace")
	token := s.says(t, `(?m)^Root Token: (\S+)$`)[1]
	s.says(t, "Unseal Key: ")
	s.says(t, "Vault server started! Log data will stream in below:")
	if token != "chosen-root" {
		t.Fatalf("the root token is %q", token)
	}
	address := fmt.Sprintf("http://127.0.0.1:%d", port)
	client := fromEnvironment(t, map[string]string{"VAULT_ADDR": address, "VAULT_TOKEN": token})
	eventually(t, "the server is healthy", func() bool {
		health, err := client.Sys().Health()
		return err == nil && health.Initialized && !health.Sealed
	})
	if _, err := client.KVv2("secret").Put(ctx, "app", map[string]interface{}{"user": "app"}); err != nil {
		t.Fatal(err)
	}
	stored, err := os.ReadFile(filepath.Join(s.dir, ".vault-token"))
	if err != nil || string(stored) != token {
		t.Fatalf("the command line is signed in with %q, %v", stored, err)
	}
	status := exec.Command(vault(t), "status", "-format=json")
	status.Env = append(os.Environ(), "VAULT_ADDR="+address)
	if output, err := status.Output(); err != nil || !strings.Contains(string(output), `"sealed": false`) {
		t.Fatalf("%s, %v", output, err)
	}
}
