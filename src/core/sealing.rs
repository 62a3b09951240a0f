//! Initialising, unsealing and sealing. The root key is split at init and exists in clear only while shares are combined.

use crate::audit::Broker;
use crate::barrier::Barrier;
use crate::base::{Error, Result, Secret, Timestamp, random};
use crate::core::live::{Live, Opened};
use crate::core::mounts::{self, Class, Mount, Table};
use crate::core::policies::{self, Policies};
use crate::core::revocation::BATCH;
use crate::core::tokens::{NewToken, TokenRecord, new_accessor};
use crate::core::{Core, audits, recovery, sweeper};
use crate::seal::{SealConfig, shamir};
use crate::storage::{Snapshot, Tx};
use serde::{Deserialize, Serialize};
use std::sync::{Arc, MutexGuard, PoisonError};

const CLUSTER: &str = "cluster";

/// Shares given so far.
#[derive(Default)]
pub struct Progress {
    shares: Vec<Secret<Vec<u8>>>,
    nonce: String,
}

#[derive(Serialize, Deserialize)]
struct Cluster {
    id: String,
    name: String,
}

/// What `sys/init` hands out, once.
pub struct Initialized {
    pub shares: Vec<Secret<Vec<u8>>>,
    pub root_token: Secret<String>,
}

/// What `sys/seal-status` shows.
pub struct SealStatus {
    pub initialized: bool,
    pub sealed: bool,
    pub shares: u8,
    pub threshold: u8,
    pub progress: usize,
    pub nonce: String,
    pub cluster: Option<(String, String)>,
}

impl Core {
    /// Whether the store holds a keyring.
    pub fn is_initialized(&self) -> Result<bool> {
        Ok(self.seal_config()?.is_some())
    }

    fn seal_config(&self) -> Result<Option<SealConfig>> {
        self.storage.reading(|snapshot| SealConfig::load(snapshot))
    }

    pub fn seal_status(&self) -> Result<SealStatus> {
        let config = self.seal_config()?;
        let live = self.live_or_none();
        let progress = self.progress();
        Ok(SealStatus {
            initialized: config.is_some(),
            sealed: live.is_none(),
            shares: config.as_ref().map_or(0, |config| config.shares),
            threshold: config.as_ref().map_or(0, |config| config.threshold),
            progress: progress.shares.len(),
            nonce: progress.nonce.clone(),
            cluster: live.map(|live| (live.cluster_name.clone(), live.cluster_id.clone())),
        })
    }

    /// Makes keyring, mounts, policies and the root token in one transaction. The server stays sealed.
    ///
    /// # Errors
    /// `BadRequest` when it was done before, or for impossible numbers of shares.
    pub fn initialize(
        self: &Arc<Self>,
        config: &SealConfig,
        root_token: Option<Secret<String>>,
    ) -> Result<Initialized> {
        let root_key = Secret::new(random::bytes::<32>()?);
        let shares = shamir::split(root_key.expose(), config.shares, config.threshold)?;
        let token = self.storage.writing(|tx| {
            if SealConfig::load(&*tx)?.is_some() {
                return Err(Error::bad_request("Vault is already initialized"));
            }
            config.store(tx)?;
            self.lay_out(tx, &root_key, root_token.clone())
        })?;
        Ok(Initialized { shares, root_token: token })
    }

    /// What a new store holds.
    fn lay_out(
        &self,
        tx: &mut dyn Tx,
        root_key: &Secret<[u8; 32]>,
        token: Option<Secret<String>>,
    ) -> Result<Secret<String>> {
        let now = self.clock.now();
        Barrier::initialize(tx, root_key, now)?;
        let barrier = Barrier::unseal(tx, root_key)?;
        add_builtin_mounts(tx, &barrier)?;
        policies::store(tx, &barrier, "default", crate::policy::DEFAULT)?;
        let name = match self.settings.cluster_name.as_str() {
            "" => format!("leasehold-cluster-{}", hex::encode(random::bytes::<4>()?)),
            name => name.to_owned(),
        };
        let cluster = Cluster { id: random::uuid(), name };
        tx.set_meta(
            CLUSTER,
            &serde_json::to_vec(&cluster).map_err(|_| Error::internal("the cluster's name cannot be written"))?,
        )?;
        let live = self.open_live(&*tx, barrier)?;
        live.insert_active_token(tx, &root_token(&live, now, token)?).map(|auth| auth.token)
    }

    /// Takes one share; with enough of them, unseals. Returns once the server serves.
    ///
    /// # Errors
    /// `BadRequest` for a share that is malformed, or shares that together are not the key (they are then forgotten).
    pub fn unseal(self: &Arc<Self>, share: Secret<Vec<u8>>) -> Result<()> {
        let config = self.seal_config()?.ok_or_else(|| Error::bad_request("server is not yet initialized"))?;
        let mut progress = self.progress();
        if self.live_or_none().is_some() {
            return Ok(());
        }
        if !(32..=33).contains(&share.expose().len()) {
            return Err(Error::bad_request("an unseal key is 32 or 33 bytes, in hex or base64: this one is not"));
        }
        if progress.nonce.is_empty() {
            progress.nonce = random::uuid();
        }
        if !progress.shares.contains(&share) {
            progress.shares.push(share);
        }
        if progress.shares.len() < usize::from(config.threshold) {
            return Ok(());
        }
        let shares = std::mem::take(&mut *progress).shares;
        let wrong = |error: Error| {
            Error::bad_request("unseal failed: the keys given do not make the root key; start again").caused_by(error)
        };
        let root_key = combine(&shares, config.threshold).map_err(wrong)?;
        let barrier = self.storage.reading(|snapshot| Barrier::unseal(snapshot, &root_key)).map_err(wrong)?;
        self.go_live(barrier)
    }

    /// Forgets the shares given so far.
    pub fn reset_unseal(&self) {
        *self.progress() = Progress::default();
    }

    /// Drops the unsealed part; its keys are zeroised when the last request in flight is done.
    pub fn seal(&self) {
        if let Some(live) = self.set_live(None) {
            live.bell.stop();
            if let Err(error) = live.store_floor() {
                log::error!("the time of sealing could not be stored: {}", error.for_log());
            }
            log::info!("sealed");
        }
    }

    fn go_live(self: &Arc<Self>, barrier: Barrier) -> Result<()> {
        self.judge_clock()?;
        self.bring_up_to_date(&barrier)?;
        let mut barrier = Some(barrier);
        let live = self.storage.reading(|snapshot| {
            let barrier = barrier.take().ok_or_else(|| Error::internal("the store ran a question twice"))?;
            self.open_live(snapshot, barrier)
        })?;
        let live = Arc::new(live);
        live.load_quotas()?;
        // Nobody is creating for pending rows of an earlier process any more. By a clock that is in doubt nothing becomes due.
        if live.clock.doubt().is_none() {
            while self.storage.writing(|tx| tx.lease_pending_due(live.now(), BATCH))? == BATCH {}
        }
        sweeper::start(&live)?;
        recovery::start(&live)?;
        self.set_live(Some(live));
        log::info!("unsealed");
        Ok(())
    }

    /// A file of an earlier version lacks the mounts that came since, and has an older policy for everybody.
    fn bring_up_to_date(&self, barrier: &Barrier) -> Result<()> {
        self.storage.writing(|tx| {
            add_builtin_mounts(tx, barrier)?;
            policies::renew_default(tx, barrier)
        })
    }

    fn open_live(&self, snapshot: &dyn Snapshot, barrier: Barrier) -> Result<Live> {
        let cluster = snapshot.meta(CLUSTER)?.ok_or_else(|| Error::internal("the store has no cluster id"))?;
        let cluster: Cluster =
            serde_json::from_slice(&cluster).map_err(|_| Error::internal("the cluster id does not parse"))?;
        let audit = Broker::new();
        audits::load(snapshot, &barrier, &audit, &self.settings.audit_directories)?;
        let opened = Opened {
            mounts: Table::load(snapshot, &barrier)?,
            policies: Policies::load(snapshot, &barrier)?,
            barrier,
            audit,
            cluster_id: cluster.id,
            cluster_name: cluster.name,
        };
        Ok(Live::new(self.settings.clone(), self.registry, self.storage.clone(), self.clock.clone(), opened))
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.unsealing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The mounts that every server has, at their paths.
const BUILTIN_MOUNTS: [(&str, Class, &str, &str); 4] = [
    ("sys/", Class::Secret, "system", "system endpoints used for control, policy and debugging"),
    ("cubbyhole/", Class::Secret, "cubbyhole", "per-token private secret storage"),
    ("identity/", Class::Secret, "identity", "identity store"),
    ("auth/token/", Class::Auth, "token", "token based credentials"),
];

/// Adds those that are missing. A damaged one is not missing: its row is there.
fn add_builtin_mounts(tx: &mut dyn Tx, barrier: &Barrier) -> Result<()> {
    for (path, class, kind, description) in BUILTIN_MOUNTS {
        if !mounts::is_taken(tx, barrier, path)? {
            mounts::store(tx, barrier, &Mount::new(path, class, kind, description)?, None)?;
        }
    }
    Ok(())
}

fn combine(shares: &[Secret<Vec<u8>>], threshold: u8) -> Result<Secret<[u8; 32]>> {
    let whole = match shares {
        [only] if threshold == 1 => only.clone(),
        several => shamir::combine(several)?,
    };
    let key = <[u8; 32]>::try_from(whole.expose().as_slice());
    key.map(Secret::new).map_err(|_| Error::bad_request("the keys make no root key"))
}

fn root_token(live: &Live, now: Timestamp, id: Option<Secret<String>>) -> Result<NewToken> {
    let record = TokenRecord {
        accessor: new_accessor(now)?,
        policies: vec!["root".to_owned()],
        display_name: "root".to_owned(),
        meta: None,
        path: "auth/token/root".to_owned(),
        num_uses: 0,
        period: 0,
        explicit_max_ttl: 0,
        creation_ttl: 0,
        orphan: true,
        ..TokenRecord::default()
    };
    Ok(NewToken {
        id,
        parent: 0,
        mount: live.mount_at("auth/token/")?,
        folder: "root".to_owned(),
        record,
        renewable: false,
        expires: None,
        maximum: None,
        request_id: String::new(),
    })
}
