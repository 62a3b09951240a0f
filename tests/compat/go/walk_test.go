// Package compat drives the server through the official Go client: the library that the field's tools are built on.
package compat

import (
	"context"
	"errors"
	"net/http"
	"os"
	"reflect"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/vault/api"
)

var ctx = context.Background()

type values = map[string]interface{}

// root is a client of the server that the tests were started for.
func root(t *testing.T) *api.Client {
	t.Helper()
	client, err := api.NewClient(api.DefaultConfig())
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func equal(t *testing.T, got, want interface{}) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("got %#v, want %#v", got, want)
	}
}

// refused sees that the server answers with this status.
func refused(t *testing.T, err error, status int) {
	t.Helper()
	var response *api.ResponseError
	if !errors.As(err, &response) || response.StatusCode != status {
		t.Fatalf("got %v, want status %d", err, status)
	}
}

// as is a client with another token.
func as(t *testing.T, client *api.Client, token string) *api.Client {
	t.Helper()
	other, err := client.Clone()
	must(t, err)
	other.SetToken(token)
	return other
}

func TestStatus(t *testing.T) {
	client := root(t)
	answer, err := client.Sys().Health()
	must(t, err)
	equal(t, []bool{answer.Initialized, answer.Sealed, answer.Standby}, []bool{true, false, false})
	status, err := client.Sys().SealStatus()
	must(t, err)
	equal(t, []interface{}{status.Type, status.Initialized, status.Sealed, status.T, status.N}, []interface{}{"shamir", true, false, 1, 1})
	initialised, err := client.Sys().InitStatus()
	must(t, err)
	equal(t, initialised, true)
	_, err = client.Sys().Leader()
	must(t, err)
}

func TestMounts(t *testing.T) {
	client := root(t)
	must(t, client.Sys().Mount("mounted", &api.MountInput{
		Type: "kv", Description: "of this test", Config: api.MountConfigInput{DefaultLeaseTTL: "1h", MaxLeaseTTL: "2h"},
	}))
	mounts, err := client.Sys().ListMounts()
	must(t, err)
	mount := mounts["mounted/"]
	equal(t, []interface{}{mount.Type, mount.Description, mount.Config.DefaultLeaseTTL}, []interface{}{"kv", "of this test", 3600})
	must(t, client.Sys().TuneMount("mounted", api.MountConfigInput{MaxLeaseTTL: "3h"}))
	config, err := client.Sys().MountConfig("mounted")
	must(t, err)
	equal(t, config.MaxLeaseTTL, 10800)
	_, err = client.Logical().Write("mounted/a", values{"n": 1})
	must(t, err)
	must(t, client.Sys().Remount("mounted", "moved"))
	secret, err := client.Logical().Read("moved/a")
	must(t, err)
	equal(t, secret.Data["n"].(interface{ String() string }).String(), "1")
	must(t, client.Sys().Unmount("moved"))
	// The client passes on the words of a 404, and not its number.
	_, err = client.Logical().Write("moved/a", values{"n": 1})
	if err == nil || !strings.Contains(err.Error(), "no handler for route") {
		t.Fatal(err)
	}
}

func TestKeyValueVersion1(t *testing.T) {
	client := root(t)
	must(t, client.Sys().Mount("one", &api.MountInput{Type: "kv", Options: map[string]string{"version": "1"}}))
	kv := client.KVv1("one")
	must(t, kv.Put(ctx, "app/db", values{"user": "app"}))
	read, err := kv.Get(ctx, "app/db")
	must(t, err)
	equal(t, read.Data, values{"user": "app"})
	listed, err := client.Logical().List("one/app")
	must(t, err)
	equal(t, listed.Data["keys"], []interface{}{"db"})
	must(t, kv.Delete(ctx, "app/db"))
	if _, err := kv.Get(ctx, "app/db"); !errors.Is(err, api.ErrSecretNotFound) {
		t.Fatal(err)
	}
	nothing, err := client.Logical().Read("one/app/db")
	must(t, err)
	equal(t, nothing, (*api.Secret)(nil))
	must(t, client.Sys().Unmount("one"))
}

func TestKeyValueVersion2(t *testing.T) {
	kv := root(t).KVv2("secret")
	first, err := kv.Put(ctx, "app/go", values{"user": "app", "port": 1}, api.WithCheckAndSet(0))
	must(t, err)
	equal(t, first.VersionMetadata.Version, 1)
	_, err = kv.Put(ctx, "app/go", values{}, api.WithCheckAndSet(0))
	refused(t, err, http.StatusBadRequest)
	patched, err := kv.Patch(ctx, "app/go", values{"port": 2})
	must(t, err)
	equal(t, patched.VersionMetadata.Version, 2)
	merged, err := kv.Patch(ctx, "app/go", values{"tls": true}, api.WithMergeMethod(api.KVMergeMethodReadWrite))
	must(t, err)
	equal(t, merged.VersionMetadata.Version, 3)
	read, err := kv.Get(ctx, "app/go")
	must(t, err)
	equal(t, []interface{}{read.Data["user"], read.Data["tls"]}, []interface{}{"app", true})
	versions, err := kv.GetVersionsAsList(ctx, "app/go")
	must(t, err)
	equal(t, len(versions), 3)
	must(t, kv.DeleteVersions(ctx, "app/go", []int{2}))
	must(t, kv.Delete(ctx, "app/go"))
	deleted, err := kv.Get(ctx, "app/go")
	must(t, err)
	if deleted.Data != nil || deleted.VersionMetadata.DeletionTime.IsZero() {
		t.Fatalf("%+v", deleted)
	}
	must(t, kv.Undelete(ctx, "app/go", []int{2, 3}))
	must(t, kv.Destroy(ctx, "app/go", []int{2}))
	back, err := kv.Rollback(ctx, "app/go", 1)
	must(t, err)
	equal(t, back.VersionMetadata.Version, 4)
	must(t, kv.PutMetadata(ctx, "app/go", api.KVMetadataPutInput{MaxVersions: 7, CustomMetadata: values{"owner": "go"}}))
	seven := 9
	must(t, kv.PatchMetadata(ctx, "app/go", api.KVMetadataPatchInput{MaxVersions: &seven}))
	known, err := kv.GetMetadata(ctx, "app/go")
	must(t, err)
	equal(t, []interface{}{known.CurrentVersion, known.MaxVersions, known.CustomMetadata["owner"]}, []interface{}{4, 9, "go"})
	equal(t, known.Versions["2"].Destroyed, true)
	must(t, kv.DeleteMetadata(ctx, "app/go"))
	if _, err := kv.Get(ctx, "app/go"); !errors.Is(err, api.ErrSecretNotFound) {
		t.Fatal(err)
	}
}

func TestPoliciesAndCapabilities(t *testing.T) {
	client := root(t)
	rules := `path "secret/data/app/*" { capabilities = ["read"] }`
	must(t, client.Sys().PutPolicy("go-reader", rules))
	read, err := client.Sys().GetPolicy("go-reader")
	must(t, err)
	equal(t, read, rules)
	listed, err := client.Sys().ListPolicies()
	must(t, err)
	sort.Strings(listed)
	if at := sort.SearchStrings(listed, "go-reader"); at == len(listed) || listed[at] != "go-reader" {
		t.Fatal(listed)
	}
	token, err := client.Auth().Token().Create(&api.TokenCreateRequest{Policies: []string{"go-reader"}, TTL: "1h"})
	must(t, err)
	may, err := client.Sys().Capabilities(token.Auth.ClientToken, "secret/data/app/x")
	must(t, err)
	equal(t, may, []string{"read"})
	may, err = as(t, client, token.Auth.ClientToken).Sys().CapabilitiesSelf("secret/data/other")
	must(t, err)
	equal(t, may, []string{"deny"})
	_, err = as(t, client, token.Auth.ClientToken).KVv2("secret").Put(ctx, "app/x", values{"a": 1})
	refused(t, err, http.StatusForbidden)
	must(t, client.Sys().DeletePolicy("go-reader"))
	gone, err := client.Sys().GetPolicy("go-reader")
	must(t, err)
	equal(t, gone, "")
}

func TestTokens(t *testing.T) {
	client := root(t)
	tokens := client.Auth().Token()
	renewable := true
	parent, err := tokens.Create(&api.TokenCreateRequest{
		Policies: []string{"default"}, TTL: "1h", DisplayName: "go", Renewable: &renewable, Metadata: map[string]string{"a": "b"},
	})
	must(t, err)
	equal(t, []interface{}{parent.Auth.LeaseDuration, parent.Auth.Renewable, parent.Auth.Metadata["a"]}, []interface{}{3600, true, "b"})
	own := as(t, client, parent.Auth.ClientToken)
	self, err := own.Auth().Token().LookupSelf()
	must(t, err)
	equal(t, []interface{}{self.Data["display_name"], self.Data["orphan"]}, []interface{}{"token-go", false})
	byAccessor, err := tokens.LookupAccessor(parent.Auth.Accessor)
	must(t, err)
	equal(t, byAccessor.Data["accessor"], parent.Auth.Accessor)
	_, err = tokens.Lookup(parent.Auth.ClientToken)
	must(t, err)
	renewed, err := own.Auth().Token().RenewSelf(7200)
	must(t, err)
	equal(t, renewed.Auth.LeaseDuration, 7200)
	_, err = tokens.Renew(parent.Auth.ClientToken, 600)
	must(t, err)
	_, err = tokens.RenewAccessor(parent.Auth.Accessor, 600)
	must(t, err)

	orphan, err := tokens.CreateOrphan(&api.TokenCreateRequest{Policies: []string{"default"}, Period: "30m"})
	must(t, err)
	equal(t, []interface{}{orphan.Auth.Orphan, orphan.Auth.LeaseDuration}, []interface{}{true, 1800})
	_, err = client.Logical().Write("auth/token/roles/go", values{"allowed_policies": "default", "token_explicit_max_ttl": "10m"})
	must(t, err)
	byRole, err := tokens.CreateWithRole(&api.TokenCreateRequest{Policies: []string{"default"}}, "go")
	must(t, err)
	if byRole.Auth.LeaseDuration > 600 {
		t.Fatal(byRole.Auth.LeaseDuration)
	}
	_, err = client.Logical().Delete("auth/token/roles/go")
	must(t, err)

	must(t, tokens.RevokeAccessor(orphan.Auth.Accessor))
	must(t, tokens.RevokeTree(byRole.Auth.ClientToken))
	must(t, own.Auth().Token().RevokeSelf(""))
	_, err = own.Auth().Token().LookupSelf()
	refused(t, err, http.StatusForbidden)
}

func TestWrapping(t *testing.T) {
	client := root(t)
	wrapping := as(t, client, client.Token())
	wrapping.SetWrappingLookupFunc(func(_, path string) string {
		if path == "auth/token/create" {
			return "5m"
		}
		return ""
	})
	made, err := wrapping.Auth().Token().Create(&api.TokenCreateRequest{TTL: "1h"})
	must(t, err)
	equal(t, []interface{}{made.WrapInfo.TTL, made.WrapInfo.CreationPath, made.Auth == nil}, []interface{}{300, "auth/token/create", true})
	told, err := client.Logical().Write("sys/wrapping/lookup", values{"token": made.WrapInfo.Token})
	must(t, err)
	equal(t, told.Data["creation_path"], "auth/token/create")
	token, err := client.Logical().Unwrap(made.WrapInfo.Token)
	must(t, err)
	equal(t, token.Auth.LeaseDuration, 3600)
	_, err = client.Logical().Unwrap(made.WrapInfo.Token)
	refused(t, err, http.StatusBadRequest)

	// A service that was given nothing but the wrapping token.
	again, err := wrapping.Auth().Token().Create(&api.TokenCreateRequest{TTL: "1h"})
	must(t, err)
	unwrapped, err := as(t, client, again.WrapInfo.Token).Logical().Unwrap("")
	must(t, err)
	if unwrapped.Auth.ClientToken == "" {
		t.Fatal("no token")
	}
}

func TestAudit(t *testing.T) {
	client := root(t)
	devices, err := client.Sys().ListAudit()
	must(t, err)
	equal(t, len(devices), 0)
	err = client.Sys().EnableAuditWithOptions("nowhere", &api.EnableAuditOptions{Type: "file"})
	refused(t, err, http.StatusBadRequest)
}

func TestAWSUnderALease(t *testing.T) {
	client := root(t)
	must(t, client.Sys().Mount("aws-go", &api.MountInput{Type: "aws"}))
	endpoint := os.Getenv("AWS_ENDPOINT")
	_, err := client.Logical().Write("aws-go/config/root", values{
		"access_key": os.Getenv("AWS_ADMIN_ACCESS_KEY"), "secret_key": os.Getenv("AWS_ADMIN_SECRET_KEY"),
		"region": "us-east-1", "iam_endpoint": endpoint, "sts_endpoint": endpoint,
	})
	must(t, err)
	_, err = client.Logical().Write("aws-go/config/lease", values{"lease": "4s", "lease_max": "1h"})
	must(t, err)
	document := `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"*","Resource":"*"}]}`
	_, err = client.Logical().Write("aws-go/roles/nothing", values{"credential_type": "iam_user", "policy_document": document})
	must(t, err)
	secret, err := client.Logical().Read("aws-go/creds/nothing")
	must(t, err)
	if !strings.HasPrefix(secret.LeaseID, "aws-go/creds/nothing/") || !secret.Renewable || secret.Data["access_key"] == "" {
		t.Fatalf("%+v", secret)
	}

	// What keeps a secret alive in most programs: it renews before the lease ends.
	watcher, err := client.NewLifetimeWatcher(&api.LifetimeWatcherInput{Secret: secret})
	must(t, err)
	go watcher.Start()
	defer watcher.Stop()
	select {
	case renewal := <-watcher.RenewCh():
		equal(t, renewal.Secret.LeaseID, secret.LeaseID)
	case err := <-watcher.DoneCh():
		t.Fatal("the watcher gave up: ", err)
	case <-time.After(patience):
		t.Fatal("nothing was renewed")
	}
	looked, err := client.Sys().Lookup(secret.LeaseID)
	must(t, err)
	equal(t, looked.Data["id"], secret.LeaseID)
	_, err = client.Sys().Renew(secret.LeaseID, 30)
	must(t, err)
	must(t, client.Sys().RevokeWithOptions(&api.RevokeOptions{LeaseID: secret.LeaseID, Sync: true}))
	_, err = client.Sys().Lookup(secret.LeaseID)
	refused(t, err, http.StatusBadRequest)
	_, err = client.Logical().Read("aws-go/creds/nothing")
	must(t, err)
	must(t, client.Sys().RevokePrefix("aws-go/creds"))
	must(t, client.Sys().Unmount("aws-go"))
}
