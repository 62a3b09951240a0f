// Drives the server through node-vault, the usual client of programs for Node. Reads VAULT_ADDR, VAULT_TOKEN and where AWS is.
// Prints each step; leaves with an error at the first that is not as it should be.
'use strict';

const assert = require('node:assert/strict');
const { setTimeout: pause } = require('node:timers/promises');
const vault = require('node-vault');

const as = (token) => vault({ token });
const root = as(process.env.VAULT_TOKEN);
// The library goes on with whatever token it makes: one client for each.
const maker = () => as(process.env.VAULT_TOKEN);

async function refused(promise, status, words = '') {
  await assert.rejects(promise, (error) => {
    assert.equal(error.response && error.response.statusCode, status, error.message);
    assert.ok(error.message.includes(words), error.message);
    return true;
  });
}

async function status() {
  const health = await root.health();
  assert.deepEqual([health.initialized, health.sealed, health.standby], [true, false, false]);
  const seal = await root.status();
  assert.deepEqual([seal.sealed, seal.t, seal.n, seal.progress], [false, 1, 1, 0]);
  assert.equal((await root.initialized()).initialized, true);
  assert.ok('ha_enabled' in (await root.leader()));
}

async function mounts() {
  await root.mount({ mount_point: 'node', type: 'kv', description: 'of this test', options: { version: '1' } });
  const known = await root.mounts();
  assert.equal(known.data['node/'].description, 'of this test');
  assert.equal(known['node/'].type, 'kv', 'the older place of the same');
  await root.write('sys/mounts/node/tune', { default_lease_ttl: '1h' });
  await root.write('node/app/db', { user: 'app', port: 5432, tls: true });
  const read = await root.read('node/app/db');
  assert.deepEqual(read.data, { user: 'app', port: 5432, tls: true });
  assert.deepEqual((await root.list('node/app')).data.keys, ['db']);
  await root.remount({ from: 'node', to: 'node-moved' });
  await root.delete('node-moved/app/db');
  await refused(root.read('node-moved/app/db'), 404);
  await root.unmount({ mount_point: 'node-moved' });
}

async function versions() {
  const first = await root.write('secret/data/app/node', { data: { user: 'app' }, options: { cas: 0 } });
  assert.equal(first.data.version, 1);
  await refused(root.write('secret/data/app/node', { data: {}, options: { cas: 0 } }), 400, 'check-and-set');
  await root.update('secret/data/app/node', { data: { port: 1 } });
  const read = await root.read('secret/data/app/node');
  assert.deepEqual(read.data.data, { user: 'app', port: 1 });
  assert.equal(read.data.metadata.version, 2);
  assert.deepEqual((await root.read('secret/data/app/node?version=1')).data.data, { user: 'app' });
  assert.ok((await root.list('secret/metadata/app')).data.keys.includes('node'));
  await root.delete('secret/metadata/app/node');
  await refused(root.read('secret/data/app/node'), 404);
}

async function policiesAndTokens() {
  const rules = 'path "secret/data/app/*" { capabilities = ["read"] }';
  await root.addPolicy({ name: 'node-reader', rules });
  assert.equal((await root.getPolicy({ name: 'node-reader' })).rules, rules);
  assert.ok((await root.policies()).policies.includes('node-reader'));
  const made = await maker().tokenCreate({ policies: ['node-reader'], ttl: '1h', meta: { a: 'b' }, renewable: true });
  assert.deepEqual([made.auth.lease_duration, made.auth.metadata], [3600, { a: 'b' }]);
  const own = as(made.auth.client_token);
  assert.deepEqual((await own.tokenLookupSelf()).data.policies, ['default', 'node-reader']);
  await refused(own.write('secret/data/app/x', { data: {} }), 403, 'permission denied');
  assert.equal((await own.tokenRenewSelf({ increment: '30m' })).auth.renewable, true);
  assert.equal((await root.tokenLookup({ token: made.auth.client_token })).data.accessor, made.auth.accessor);
  const byAccessor = await root.tokenLookupAccessor({ accessor: made.auth.accessor });
  assert.equal(byAccessor.data.id, '');
  assert.ok((await root.tokenAccessors()).data.keys.includes(made.auth.accessor));
  const orphan = await maker().tokenCreateOrphan({ period: '30m' });
  assert.equal(orphan.auth.orphan, true);
  await root.addTokenRole({ role_name: 'node', allowed_policies: 'default', orphan: true });
  assert.ok((await root.tokenRoles()).data.keys.includes('node'));
  const byRole = await maker().tokenCreateRole({ role_name: 'node' });
  assert.equal(byRole.auth.orphan, true);
  await root.removeTokenRole({ role_name: 'node' });
  await root.tokenRevokeAccessor({ accessor: orphan.auth.accessor });
  await root.tokenRevoke({ token: byRole.auth.client_token });
  await own.tokenRevokeSelf();
  await refused(own.tokenLookupSelf(), 403);
  await root.removePolicy({ name: 'node-reader' });
}

async function wrapping() {
  const lookup = (token) => root.write('sys/wrapping/lookup', { token });
  const wrapped = await root.read('secret/config', { headers: { 'X-Vault-Wrap-TTL': '5m' } });
  assert.equal(wrapped.wrap_info.ttl, 300);
  assert.equal((await lookup(wrapped.wrap_info.token)).data.creation_path, 'secret/config');
  const inside = await as(wrapped.wrap_info.token).unwrap();
  assert.ok('max_versions' in inside.data);
  await refused(as(wrapped.wrap_info.token).unwrap(), 400);
  const headers = { 'X-Vault-Wrap-TTL': '60' };
  const own = await root.write('sys/wrapping/wrap', { a: 1 }, { headers });
  const again = await root.write('sys/wrapping/rewrap', { token: own.wrap_info.token });
  assert.equal(again.wrap_info.creation_path, 'sys/wrapping/wrap');
  await refused(lookup(own.wrap_info.token), 400);
  assert.deepEqual((await root.unwrap({ token: again.wrap_info.token })).data, { a: 1 });
  const jwt = await root.read('auth/token/lookup-self', { headers: { ...headers, 'X-Vault-Wrap-Format': 'jwt' } });
  assert.equal(jwt.wrap_info.token.split('.').length, 3);
  assert.deepEqual((await as(jwt.wrap_info.token).unwrap()).data.policies, ['root']);
}

async function wholeVersions() {
  const path = 'app/whole';
  const headers = { 'Content-Type': 'application/merge-patch+json' };
  await root.write(`secret/data/${path}`, { data: { a: 1, b: 2 } });
  const patched = await root.update(`secret/data/${path}`, { data: { b: null, c: 3 } }, { headers });
  assert.equal(patched.data.version, 2);
  assert.deepEqual((await root.read(`secret/data/${path}`)).data.data, { a: 1, c: 3 });
  assert.deepEqual((await root.read(`secret/subkeys/${path}`)).data.subkeys, { a: null, c: null });
  await root.write(`secret/delete/${path}`, { versions: [1] });
  await root.delete(`secret/data/${path}`);
  await refused(root.read(`secret/data/${path}`), 404);
  await root.write(`secret/undelete/${path}`, { versions: [1, 2] });
  await root.write(`secret/destroy/${path}`, { versions: [1] });
  await refused(root.read(`secret/data/${path}?version=1`), 404);
  await root.write(`secret/metadata/${path}`, { max_versions: 4, custom_metadata: { owner: 'node' }, cas_required: true });
  await refused(root.write(`secret/data/${path}`, { data: {} }), 400, 'check-and-set parameter required');
  const known = (await root.read(`secret/metadata/${path}`)).data;
  assert.deepEqual([known.max_versions, known.custom_metadata, known.current_version], [4, { owner: 'node' }, 2]);
  assert.ok(known.versions[1].destroyed && known.versions[2].deletion_time === '');
  await root.delete(`secret/metadata/${path}`);
  await refused(root.read(`secret/metadata/${path}`), 404);
}

async function batchTokensRolesAndLeases() {
  // The library's own method does not know of kinds of tokens.
  const batch = await root.write('auth/token/create', { policies: ['default'], type: 'batch', ttl: '20m' });
  assert.ok(batch.auth.client_token.startsWith('hvb.') && batch.auth.accessor === '');
  const own = as(batch.auth.client_token);
  assert.equal((await own.tokenLookupSelf()).data.type, 'batch');
  await refused(own.tokenRenewSelf({}), 400);
  await refused(own.tokenCreate({}), 403);
  await root.addTokenRole({ role_name: 'whole', allowed_policies: 'default', path_suffix: 'first', period: 3600 });
  assert.equal((await root.getTokenRole({ role_name: 'whole' })).data.token_period, 3600);
  const made = (await maker().tokenCreateRole({ role_name: 'whole' })).auth;
  assert.equal(made.lease_duration, 3600);
  await root.revokePrefix({ path_prefix: 'auth/token/create/whole' });
  await refused(as(made.client_token).tokenLookupSelf(), 403);
  await root.removeTokenRole({ role_name: 'whole' });
  const paths = ['secret/data/x', 'sys/mounts'];
  const may = await root.write('sys/capabilities-self', { paths });
  assert.deepEqual(paths.map((path) => may.data[path]), [['root'], ['root']]);
  const text = 'path "a" { capabilities = ["read"] }';
  await root.write('sys/policies/acl/node-acl', { policy: text });
  assert.equal((await root.read('sys/policies/acl/node-acl')).data.policy, text);
  assert.ok((await root.list('sys/policies/acl')).data.keys.includes('node-acl'));
  await root.delete('sys/policies/acl/node-acl');
  await refused(root.read('sys/policies/acl/node-acl'), 404);
}

async function aws() {
  const { AWS_ENDPOINT: endpoint, AWS_ADMIN_ACCESS_KEY: access_key, AWS_ADMIN_SECRET_KEY: secret_key } = process.env;
  await root.mount({ mount_point: 'aws-node', type: 'aws' });
  await root.write('aws-node/config/root', {
    access_key, secret_key, region: 'us-east-1', iam_endpoint: endpoint, sts_endpoint: endpoint,
  });
  const policy_document = JSON.stringify({
    Version: '2012-10-17', Statement: [{ Effect: 'Deny', Action: '*', Resource: '*' }],
  });
  await root.write('aws-node/roles/nothing', { credential_type: 'iam_user', policy_document });
  const issued = await root.read('aws-node/creds/nothing');
  assert.ok(issued.lease_id.startsWith('aws-node/creds/nothing/') && issued.data.secret_key);
  await root.renew({ lease_id: issued.lease_id, increment: 600 });
  await root.revoke({ lease_id: issued.lease_id });
  await refused(root.renew({ lease_id: issued.lease_id }), 400);
  await root.read('aws-node/creds/nothing');
  await root.revokePrefix({ path_prefix: 'aws-node/creds' });
  await root.unmount({ mount_point: 'aws-node' });
}

async function main() {
  for (const step of [
    status, mounts, versions, wholeVersions, policiesAndTokens, batchTokensRolesAndLeases, wrapping, aws,
  ]) {
    console.log(`- ${step.name}`);
    await step();
    await pause(0);
  }
  console.log('all done');
}

main().catch((error) => {
  console.error(error, error.response && error.response.body);
  process.exit(1);
});
