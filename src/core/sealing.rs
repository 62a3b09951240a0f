//! Initialising and sealing, and what a server that was unsealed (see `unsealing`) begins with.

use crate::audit::Broker;
use crate::barrier::Barrier;
use crate::base::{Error, Result, Secret, Timestamp, random};
use crate::core::live::{Live, Opened};
use crate::core::mounts::{self, Class, Mount, Table};
use crate::core::policies::{self, Policies};
use crate::core::revocation::BATCH;
use crate::core::tokens::{NewToken, TokenRecord, new_accessor};
use crate::core::{Core, audits, handover, recovery, recovery_key, reseal, rotation, sweeper};
use crate::seal::{Kind, SealConfig, shamir};
use crate::storage::{Snapshot, Tx};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

const CLUSTER: &str = "cluster";

#[derive(Serialize, Deserialize)]
struct Cluster {
    id: String,
    name: String,
}

/// What `sys/init` hands out, once.
pub struct Initialized {
    /// Of the unseal key; none where a seal opens by itself.
    pub shares: Vec<Secret<Vec<u8>>>,
    /// Of the recovery key.
    pub recovery: Vec<Secret<Vec<u8>>>,
    pub root_token: Secret<String>,
}

/// What `sys/seal-status` shows.
pub struct SealStatus {
    pub kind: Kind,
    /// Shares are waited for to move to another seal.
    pub migration: bool,
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

    pub(super) fn seal_config(&self) -> Result<Option<SealConfig>> {
        self.storage.reading(|snapshot| SealConfig::load(snapshot))
    }

    pub fn seal_status(&self) -> Result<SealStatus> {
        let config = self.seal_config()?;
        let live = self.live_or_none();
        let progress = self.progress();
        let configured = self.seals().current.as_ref().map_or(Kind::Shamir, |seal| seal.kind());
        let migration = match &config {
            Some(config) if live.is_none() => self.is_migrating(config)?,
            _ => false,
        };
        Ok(SealStatus {
            kind: config.as_ref().map_or(configured, |config| config.kind),
            migration,
            initialized: config.is_some(),
            sealed: live.is_none(),
            shares: config.as_ref().map_or(0, |config| config.shares),
            threshold: config.as_ref().map_or(0, |config| config.threshold),
            progress: progress.quorum.given(),
            nonce: progress.nonce.clone(),
            cluster: live.map(|live| (live.cluster_name.clone(), live.cluster_id.clone())),
        })
    }

    /// Makes keyring, mounts, policies and the root token in one transaction. The server stays sealed.
    ///
    /// # Errors
    /// `BadRequest` when it was done before, for impossible numbers of shares, or when the seal is not the configured one;
    /// those of the seal.
    pub fn initialize(
        self: &Arc<Self>,
        config: &SealConfig,
        root_token: Option<Secret<String>>,
    ) -> Result<Initialized> {
        let root_key = Secret::new(random::bytes::<32>()?);
        let recovery_key = Secret::new(random::bytes::<32>()?);
        let split = |key: &Secret<[u8; 32]>| shamir::split(key.expose(), config.shares, config.threshold);
        let (shares, recovery, wrapped) = match &self.seals().current {
            Some(seal) if seal.kind() == config.kind => {
                let recovery = if config.shares == 0 { Vec::new() } else { split(&recovery_key)? };
                (Vec::new(), recovery, Some(seal.wrap(&root_key)?))
            }
            None if !config.kind.is_auto() => (split(&root_key)?, Vec::new(), None),
            _ => return Err(Error::bad_request("the seal is not the one that the server is configured with")),
        };
        let token = self.storage.writing(|tx| {
            if SealConfig::load(&*tx)?.is_some() {
                return Err(Error::bad_request("Vault is already initialized"));
            }
            config.store(tx)?;
            let token = self.lay_out(tx, &root_key, root_token.clone())?;
            if let Some(wrapped) = &wrapped {
                wrapped.store(tx)?;
            }
            if !recovery.is_empty() {
                let barrier = Barrier::unseal(&*tx, &root_key)?;
                recovery_key::store(tx, &barrier, &recovery_key)?;
            }
            Ok(token)
        })?;
        Ok(Initialized { shares, recovery, root_token: token })
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
        let token = live.insert_active_token(tx, &root_token(&live, now, token)?)?.token;
        rotation::store_count(tx, &live.key_status())?;
        Ok(token)
    }

    /// Drops the unsealed part; its keys are zeroised when the last request in flight is done.
    pub fn seal(&self) {
        if let Some(live) = self.set_live(None) {
            live.bell.stop();
            if let Err(error) = live.store_floor() {
                log::error!("the time of sealing could not be stored: {}", error.for_log());
            }
            let counted = self.storage.writing(|tx| rotation::store_count(tx, &live.key_status()));
            if let Err(error) = counted {
                log::error!("how much was sealed is not noted: {}", error.for_log());
            }
            if let Err(error) = handover::finish(self) {
                log::error!("keys from before a rekey still open the store: {}", error.for_log());
            }
            log::info!("sealed");
        }
    }

    pub(super) fn go_live(self: &Arc<Self>, barrier: Barrier) -> Result<()> {
        self.judge_clock()?;
        self.bring_up_to_date(&barrier)?;
        let mut barrier = Some(barrier);
        let live = self.storage.reading(|snapshot| {
            let barrier = barrier.take().ok_or_else(|| Error::internal("the store ran a question twice"))?;
            self.open_live(snapshot, barrier)
        })?;
        let live = Arc::new(live);
        live.load_quotas()?;
        live.load_headers()?;
        live.note_version()?;
        // Nobody is creating for pending rows of an earlier process any more. By a clock that is in doubt nothing becomes due.
        if live.clock.doubt().is_none() {
            while self.storage.writing(|tx| tx.lease_pending_due(live.now(), BATCH))? == BATCH {}
        }
        live.resume_count()?;
        live.note_restore()?;
        sweeper::start(&live)?;
        reseal::start(&live)?;
        // What an earlier process had begun outside waits with the revocations.
        if live.restored().is_none() {
            recovery::start(&live)?;
        }
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

pub(super) fn root_token(live: &Live, now: Timestamp, id: Option<Secret<String>>) -> Result<NewToken> {
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
