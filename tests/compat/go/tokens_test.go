package compat

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/hashicorp/vault/api"
)

// Tokens of every kind, wrapping in every form, leases by prefix, and what the system tells, by all methods that the client has.

func number(t *testing.T, value interface{}) int64 {
	t.Helper()
	n, err := value.(json.Number).Int64()
	must(t, err)
	return n
}

func TestBatchTokens(t *testing.T) {
	client := root(t)
	parent, err := client.Auth().Token().Create(&api.TokenCreateRequest{Policies: []string{"root"}, TTL: "1h"})
	must(t, err)
	maker := as(t, client, parent.Auth.ClientToken).Auth().Token()
	made, err := maker.Create(&api.TokenCreateRequest{
		Policies: []string{"default"}, Type: "batch", TTL: "20m", Metadata: map[string]string{"team": "ops"},
	})
	must(t, err)
	token := made.Auth.ClientToken
	if !strings.HasPrefix(token, "hvb.") || made.Auth.Accessor != "" || made.Auth.Renewable {
		t.Fatalf("%+v", made.Auth)
	}
	batch := as(t, client, token)
	self, err := batch.Auth().Token().LookupSelf()
	must(t, err)
	equal(t, []interface{}{self.Data["type"], self.Data["orphan"]}, []interface{}{"batch", false})
	_, err = batch.Auth().Token().RenewSelf(60)
	refused(t, err, http.StatusBadRequest)
	_, err = client.Logical().Write("auth/token/revoke", values{"token": token})
	refused(t, err, http.StatusBadRequest)
	_, err = maker.Create(&api.TokenCreateRequest{Type: "batch", NumUses: 3})
	refused(t, err, http.StatusBadRequest)
	must(t, client.Auth().Token().RevokeAccessor(parent.Auth.Accessor))
	_, err = batch.Auth().Token().LookupSelf()
	refused(t, err, http.StatusForbidden)
}

func TestTokenRoles(t *testing.T) {
	client := root(t)
	tokens := client.Auth().Token()
	_, err := client.Logical().Write("auth/token/roles/go-role", values{
		"allowed_policies": []string{"default", "go"}, "disallowed_policies": "other", "orphan": true, "renewable": false,
		"path_suffix": "first", "token_num_uses": 5, "token_bound_cidrs": "127.0.0.1/32", "token_type": "service",
	})
	must(t, err)
	role, err := client.Logical().Read("auth/token/roles/go-role")
	must(t, err)
	equal(t, role.Data["allowed_policies"], []interface{}{"default", "go"})
	equal(t, role.Data["token_bound_cidrs"], []interface{}{"127.0.0.1/32"})
	equal(t, number(t, role.Data["token_num_uses"]), int64(5))
	made, err := tokens.CreateWithRole(&api.TokenCreateRequest{Policies: []string{"go"}, DisplayName: "by-role"}, "go-role")
	must(t, err)
	equal(t, []interface{}{made.Auth.Orphan, made.Auth.Renewable}, []interface{}{true, false})
	seen, err := tokens.Lookup(made.Auth.ClientToken)
	must(t, err)
	equal(t, []interface{}{seen.Data["path"], seen.Data["role"]}, []interface{}{"auth/token/create/go-role/first", "go-role"})
	for _, asked := range []*api.TokenCreateRequest{
		{Policies: []string{"other"}}, {Policies: []string{"root"}}, {EntityAlias: "nobody"},
	} {
		_, err = tokens.CreateWithRole(asked, "go-role")
		refused(t, err, http.StatusBadRequest)
	}
	listed, err := client.Logical().List("auth/token/roles")
	must(t, err)
	equal(t, listed.Data["keys"], []interface{}{"go-role"})
	must(t, client.Sys().RevokePrefix("auth/token/create/go-role/first"))
	_, err = tokens.Lookup(made.Auth.ClientToken)
	refused(t, err, http.StatusForbidden)
	_, err = client.Logical().Delete("auth/token/roles/go-role")
	must(t, err)
	gone, err := client.Logical().Read("auth/token/roles/go-role")
	must(t, err)
	equal(t, gone, (*api.Secret)(nil))
}

func TestEveryFormOfWrapping(t *testing.T) {
	client := root(t)
	wrapped, err := client.Logical().Write("sys/wrapping/wrap", values{"user": "app", "port": 5432})
	must(t, err)
	equal(t, []interface{}{wrapped.WrapInfo.TTL > 0, wrapped.WrapInfo.CreationPath}, []interface{}{true, "sys/wrapping/wrap"})
	looked, err := client.Logical().Write("sys/wrapping/lookup", values{"token": wrapped.WrapInfo.Token})
	must(t, err)
	equal(t, number(t, looked.Data["creation_ttl"]), int64(wrapped.WrapInfo.TTL))
	again, err := client.Logical().Write("sys/wrapping/rewrap", values{"token": wrapped.WrapInfo.Token})
	must(t, err)
	equal(t, again.WrapInfo.CreationPath, "sys/wrapping/wrap")
	_, err = client.Logical().Unwrap(wrapped.WrapInfo.Token)
	refused(t, err, http.StatusBadRequest)
	inside, err := client.Logical().Unwrap(again.WrapInfo.Token)
	must(t, err)
	equal(t, []interface{}{inside.Data["user"], number(t, inside.Data["port"])}, []interface{}{"app", int64(5432)})

	jwt := as(t, client, client.Token())
	jwt.SetWrappingLookupFunc(func(_, _ string) string { return "60" })
	jwt.AddHeader("X-Vault-Wrap-Format", "jwt")
	signed, err := jwt.Logical().Read("auth/token/lookup-self")
	must(t, err)
	equal(t, strings.Count(signed.WrapInfo.Token, "."), 2)
	self, err := as(t, client, signed.WrapInfo.Token).Logical().Unwrap("")
	must(t, err)
	equal(t, self.Data["policies"], []interface{}{"root"})
	_, err = client.Logical().Unwrap(signed.WrapInfo.Token)
	refused(t, err, http.StatusBadRequest)
}

func TestLeasesByPrefix(t *testing.T) {
	client := root(t)
	tokens := client.Auth().Token()
	var made []string
	for len(made) < 3 {
		token, err := tokens.Create(&api.TokenCreateRequest{TTL: "1h", Policies: []string{"default"}})
		must(t, err)
		made = append(made, token.Auth.ClientToken)
	}
	listed, err := client.Logical().List("sys/leases/lookup/auth/token/create")
	must(t, err)
	if len(listed.Data["keys"].([]interface{})) < 3 {
		t.Fatal(listed.Data)
	}
	must(t, client.Sys().RevokePrefix("auth/token/create"))
	for _, token := range made {
		_, err = tokens.Lookup(token)
		refused(t, err, http.StatusForbidden)
	}
	must(t, client.Sys().RevokeForce("auth/token/create"))
	_, err = client.Sys().Lookup("auth/token/create/none")
	refused(t, err, http.StatusBadRequest)
	_, err = client.Sys().Renew("auth/token/create/none", 10)
	refused(t, err, http.StatusBadRequest)
}

func TestWhatTheSystemTells(t *testing.T) {
	client := root(t)
	mounts, err := client.Sys().ListMounts()
	must(t, err)
	equal(t, []interface{}{mounts["secret/"].Options["version"], mounts["sys/"].Type}, []interface{}{"2", "system"})
	mount, err := client.Sys().GetMount("secret")
	must(t, err)
	equal(t, []interface{}{mount.Type, mount.Accessor}, []interface{}{"kv", mounts["secret/"].Accessor})
	_, err = client.Sys().GetMount("nowhere")
	refused(t, err, http.StatusBadRequest)
	methods, err := client.Sys().ListAuth()
	must(t, err)
	equal(t, []interface{}{methods["token/"].Type, methods["token/"].Config.TokenType}, []interface{}{"token", "default-service"})
	method, err := client.Sys().GetAuth("token")
	must(t, err)
	equal(t, method.Accessor, methods["token/"].Accessor)
	token, err := client.Auth().Token().Create(&api.TokenCreateRequest{Policies: []string{"default"}})
	must(t, err)
	may, err := client.Sys().CapabilitiesAccessor(token.Auth.Accessor, "cubbyhole/x")
	must(t, err)
	equal(t, may, []string{"create", "delete", "list", "read", "update"})
	must(t, client.Sys().Mount("go-from", &api.MountInput{Type: "kv"}))
	moving, err := client.Sys().StartRemount("go-from", "go-to")
	must(t, err)
	eventually(t, "the mount has moved", func() bool {
		status, err := client.Sys().RemountStatus(moving.MigrationID)
		return err == nil && status.MigrationInfo.MigrationStatus == "success"
	})
	must(t, client.Sys().Unmount("go-to"))
}
