//! Drives the server through vaultrs, a client for Rust that reads answers into strict types. Reads `VAULT_ADDR`,
//! `VAULT_TOKEN` and where AWS is. Prints each step; leaves with an error at the first that is not as it should be.

use serde_json::{Value, json};
use std::collections::HashMap;
use std::error::Error;
use vaultrs::api::ResponseWrapper;
use vaultrs::api::aws::requests::{CreateUpdateRoleRequest, GenerateCredentialsRequest, SetConfigurationRequest};
use vaultrs::api::kv2::requests::{
    SetConfigurationRequest as SetMountRequest, SetSecretMetadataRequest, SetSecretRequestOptions,
};
use vaultrs::api::sys::requests::{EnableEngineRequest, ListMountsRequest};
use vaultrs::api::token::requests::{CreateTokenRequest, SetTokenRoleRequest};
use vaultrs::client::{VaultClient, VaultClientSettingsBuilder};
use vaultrs::error::ClientError;
use vaultrs::{aws, cubbyhole, kv1, kv2, sys, token};

type Outcome = Result<(), Box<dyn Error>>;

fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set"))
}

fn client(token: &str) -> Result<VaultClient, Box<dyn Error>> {
    let settings = VaultClientSettingsBuilder::default().address(variable("VAULT_ADDR")).token(token).build()?;
    Ok(VaultClient::new(settings)?)
}

/// The status with which something was refused.
fn status<T>(outcome: Result<T, ClientError>) -> Option<u16> {
    match outcome {
        Err(ClientError::APIError { code, .. }) => Some(code),
        _ => None,
    }
}

async fn states(root: &VaultClient) -> Outcome {
    let health = sys::health(root).await?;
    assert!(health.initialized && !health.sealed && !health.standby, "{health:?}");
    assert!(matches!(sys::status(root).await?, sys::ServerStatus::OK));
    assert_eq!(status(sys::start_initialization(root, 1, 1, None).await), Some(400));
    let unsealed = sys::unseal(root, None, Some(true), None).await?;
    assert!(!unsealed.sealed && unsealed.threshold == 1);
    Ok(())
}

async fn mounts(root: &VaultClient) -> Outcome {
    let mut options = EnableEngineRequest::builder();
    options.options(HashMap::from([("version".to_owned(), "1".to_owned())])).description("of this test");
    sys::mount::enable(root, "rust", "kv", Some(&mut options)).await?;
    let known = sys::mount::list(root).await?;
    assert_eq!((known["rust/"].mount_type.as_str(), known["rust/"].description.as_str()), ("kv", "of this test"));
    sys::mount::get_configuration_of_a_secret_engine(root, "rust").await?;
    kv1::set(root, "rust", "app/db", &HashMap::from([("user", "app")])).await?;
    let read: HashMap<String, String> = kv1::get(root, "rust", "app/db").await?;
    assert_eq!(read["user"], "app");
    assert_eq!(kv1::list(root, "rust", "app").await?.data.keys, ["db"]);
    let moved = sys::remount::remount(root, "rust", "rust-moved").await?;
    let told = sys::remount::remount_status(root, &moved.migration_id).await?;
    assert_eq!(told.migration_info.status, "success");
    kv1::delete(root, "rust-moved", "app/db").await?;
    assert_eq!(status(kv1::get_raw(root, "rust-moved", "app/db").await), Some(404));
    sys::mount::disable(root, "rust-moved").await?;
    Ok(())
}

async fn versions(root: &VaultClient) -> Outcome {
    let (mount, path) = ("secret", "app/rust");
    let value = json!({"user": "app"});
    let first = kv2::set_with_options(root, mount, path, &value, SetSecretRequestOptions { cas: 0 }).await?;
    assert_eq!(first.version, 1);
    let again = kv2::set_with_options(root, mount, path, &json!({}), SetSecretRequestOptions { cas: 0 }).await;
    assert_eq!(status(again), Some(400));
    kv2::set(root, mount, path, &json!({"user": "second"})).await?;
    let read: Value = kv2::read(root, mount, path).await?;
    assert_eq!(read, json!({"user": "second"}));
    let read: Value = kv2::read_version(root, mount, path, 1).await?;
    assert_eq!(read, json!({"user": "app"}));
    kv2::delete_versions(root, mount, path, vec![1]).await?;
    kv2::delete_latest(root, mount, path).await?;
    kv2::undelete_versions(root, mount, path, vec![1, 2]).await?;
    kv2::destroy_versions(root, mount, path, vec![1]).await?;
    let known = kv2::read_metadata(root, mount, path).await?;
    assert!(known.current_version == 2 && known.versions["1"].destroyed, "{known:?}");
    kv2::set_metadata(root, mount, path, None).await?;
    assert!(kv2::list(root, mount, "app").await?.contains(&"rust".to_owned()));
    kv2::config::read(root, mount).await?;
    kv2::delete_metadata(root, mount, path).await?;
    assert_eq!(status(kv2::read::<Value>(root, mount, path).await), Some(404));
    Ok(())
}

/// What a key and a mount remember, and what is gone for good.
async fn whole_versions(root: &VaultClient) -> Outcome {
    sys::mount::enable(root, "rust-kv", "kv-v2", None).await?;
    let (mount, path) = ("rust-kv", "app");
    let mut settings = SetMountRequest::builder();
    settings.max_versions(4u64).delete_version_after("768h").cas_required(false);
    kv2::config::set(root, mount, Some(&mut settings)).await?;
    let read = kv2::config::read(root, mount).await?;
    assert_eq!((read.max_versions, read.cas_required, read.delete_version_after.as_str()), (4, false, "768h0m0s"));
    kv2::set(root, mount, path, &json!({"n": 1})).await?;
    let mut metadata = SetSecretMetadataRequest::builder();
    metadata.custom_metadata(HashMap::from([("owner".to_owned(), "rust".to_owned())])).cas_required(true);
    kv2::set_metadata(root, mount, path, Some(&mut metadata)).await?;
    assert_eq!(status(kv2::set(root, mount, path, &json!({"n": 2})).await), Some(400));
    let known = kv2::read_metadata(root, mount, path).await?;
    assert!(known.cas_required && known.custom_metadata.is_some_and(|found| found["owner"] == "rust"));
    kv2::destroy_versions(root, mount, path, vec![1]).await?;
    assert!(kv2::read_version::<Value>(root, mount, path, 1).await.is_err(), "what is destroyed is not read");
    assert_eq!(status(kv2::list(root, mount, "none").await), Some(404));
    sys::mount::disable(root, mount).await?;
    Ok(())
}

/// Tokens that are stored nowhere, and those that are left behind.
async fn batch_tokens_and_orphans(root: &VaultClient) -> Outcome {
    let mut wanted = CreateTokenRequest::builder();
    wanted.token_type("batch").ttl("20m").policies(vec!["default".to_owned()]);
    let batch = token::new(root, Some(&mut wanted)).await?;
    assert!(batch.client_token.starts_with("hvb.") && batch.token_type == "batch" && !batch.renewable);
    let own = client(&batch.client_token)?;
    assert_eq!(token::lookup_self(&own).await?.policies, ["default"]);
    assert_eq!(status(token::renew_self(&own, None).await), Some(400));
    assert_eq!(status(token::revoke(root, &batch.client_token).await), Some(400));
    let parent = token::new(root, None).await?;
    let child = token::new(&client(&parent.client_token)?, None).await?;
    token::revoke_orphan(root, &parent.client_token).await?;
    assert!(token::lookup(root, &child.client_token).await?.orphan);
    let mut role = SetTokenRoleRequest::builder();
    role.allowed_policies(vec!["default".to_owned()]).orphan(true).renewable(false).token_type("batch");
    token::role::set(root, "rust-batch", Some(&mut role)).await?;
    assert!(token::new_role(root, "rust-batch", None).await?.client_token.starts_with("hvb."));
    token::role::delete(root, "rust-batch").await?;
    assert_eq!(status(token::role::read(root, "rust-batch").await), Some(404));
    assert_eq!(sys::auth::list(root).await?["token/"].mount_type, "token");
    Ok(())
}

async fn policies_and_tokens(root: &VaultClient) -> Outcome {
    let rules = "path \"secret/data/app/*\" { capabilities = [\"read\"] }";
    sys::policy::set(root, "rust-reader", rules).await?;
    assert_eq!(sys::policy::read(root, "rust-reader").await?.rules, rules);
    assert!(sys::policy::list(root).await?.policies.contains(&"rust-reader".to_owned()));
    let mut wanted = CreateTokenRequest::builder();
    wanted.policies(vec!["rust-reader".to_owned()]).ttl("1h").renewable(true);
    let made = token::new(root, Some(&mut wanted)).await?;
    assert_eq!((made.lease_duration, made.token_type.as_str()), (3600, "service"));
    let own = client(&made.client_token)?;
    assert_eq!(token::lookup_self(&own).await?.accessor, made.accessor);
    assert_eq!(status(kv2::set(&own, "secret", "app/x", &json!({})).await), Some(403));
    assert!(token::renew_self(&own, Some("30m")).await?.renewable);
    token::renew(root, &made.client_token, None).await?;
    token::renew_accessor(root, &made.accessor, None).await?;
    assert_eq!(token::lookup(root, &made.client_token).await?.accessor, made.accessor);
    assert_eq!(token::lookup_accessor(root, &made.accessor).await?.id, "");
    cubbyhole::set(&own, "cubbyhole", "mine", &HashMap::from([("a", "b")])).await?;
    let mine: Value = cubbyhole::get(&own, "cubbyhole", "mine").await?;
    assert_eq!(mine, json!({"a": "b"}));
    let orphan = token::new_orphan(root, None).await?;
    assert!(orphan.orphan);
    let mut role = SetTokenRoleRequest::builder();
    role.allowed_policies(vec!["default".to_owned()]).orphan(true);
    token::role::set(root, "rust", Some(&mut role)).await?;
    assert!(token::role::read(root, "rust").await?.orphan);
    assert!(token::role::list(root).await?.keys.contains(&"rust".to_owned()));
    let by_role = token::new_role(root, "rust", None).await?;
    assert!(by_role.orphan);
    token::role::delete(root, "rust").await?;
    token::revoke(root, &by_role.client_token).await?;
    token::revoke_accessor(root, &orphan.accessor).await?;
    token::revoke_self(&own).await?;
    assert_eq!(status(token::lookup_self(&own).await), Some(403));
    token::tidy(root).await?;
    sys::policy::delete(root, "rust-reader").await?;
    Ok(())
}

async fn wrapping(root: &VaultClient) -> Outcome {
    let wrapped = ListMountsRequest::builder().build()?.wrap(root).await?;
    assert_eq!(wrapped.lookup(root).await?.creation_path, "sys/mounts");
    assert!(wrapped.unwrap(root).await?.contains_key("secret/"));
    assert!(matches!(wrapped.lookup(root).await, Err(ClientError::WrapInvalidError)));
    let wrapped = ListMountsRequest::builder().build()?.wrap(root).await?;
    assert_eq!(sys::wrapping::lookup(root, &wrapped.info.token).await?.creation_path, "sys/mounts");
    let mounts: HashMap<String, Value> = sys::wrapping::unwrap(root, Some(&wrapped.info.token)).await?;
    assert!(mounts.contains_key("sys/"));
    assert_eq!(status(sys::wrapping::unwrap::<Value>(root, Some(&wrapped.info.token)).await), Some(400));
    Ok(())
}

async fn aws(root: &VaultClient) -> Outcome {
    sys::mount::enable(root, "aws-rust", "aws", None).await?;
    let (endpoint, secret) = (variable("AWS_ENDPOINT"), variable("AWS_ADMIN_SECRET_KEY"));
    let mut options = SetConfigurationRequest::builder();
    options.region("us-east-1").iam_endpoint(endpoint.as_str()).sts_endpoint(endpoint.as_str()).max_retries(3);
    aws::config::set(root, "aws-rust", &variable("AWS_ADMIN_ACCESS_KEY"), &secret, Some(&mut options)).await?;
    assert_eq!(aws::config::get(root, "aws-rust").await?.access_key, variable("AWS_ADMIN_ACCESS_KEY"));
    aws::config::set_lease(root, "aws-rust", "1h", "24h").await?;
    assert_eq!(aws::config::read_lease(root, "aws-rust").await?.lease_max, "24h0m0s");
    let policy = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "*", "Resource": "*"}]});
    let mut options = CreateUpdateRoleRequest::builder();
    options.policy_document(policy.to_string());
    aws::roles::create_update(root, "aws-rust", "federated", "federation_token", Some(&mut options)).await?;
    assert_eq!(aws::roles::read(root, "aws-rust", "federated").await?.credential_type, "federation_token");
    assert_eq!(aws::roles::list(root, "aws-rust").await?.keys, ["federated"]);
    let mut options = GenerateCredentialsRequest::builder();
    options.ttl("30m");
    let issued = aws::roles::credentials(root, "aws-rust", "federated", Some(&mut options)).await?;
    assert!(issued.security_token.is_some() && issued.arn.contains("federated-user"), "{}", issued.arn);
    aws::roles::delete(root, "aws-rust", "federated").await?;
    sys::mount::disable(root, "aws-rust").await?;
    Ok(())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Outcome {
    // The client wants to know one, though nothing here goes over TLS.
    rustls::crypto::ring::default_provider().install_default().map_err(|_| "a provider is installed already")?;
    let root = client(&variable("VAULT_TOKEN"))?;
    println!("- states");
    states(&root).await?;
    println!("- mounts");
    mounts(&root).await?;
    println!("- versions");
    versions(&root).await?;
    println!("- whole versions");
    whole_versions(&root).await?;
    println!("- batch tokens and orphans");
    batch_tokens_and_orphans(&root).await?;
    println!("- policies and tokens");
    policies_and_tokens(&root).await?;
    println!("- wrapping");
    wrapping(&root).await?;
    println!("- aws");
    aws(&root).await?;
    println!("all done");
    Ok(())
}
