//! The language between the edges and the engines: requests, answers, routes and their fields, the context that an engine
//! works in, and the definition of an engine. No HTTP in it, no storage, no keys.

pub mod ctx;
pub mod doc;
pub mod endpoints;
pub mod engine;
pub mod envelope;
pub mod field;
pub mod help;
pub mod input;
pub mod login;
pub mod openapi;
pub mod paging;
pub mod path;
pub mod reconcile;
pub mod request;
pub mod response;
pub mod route;
pub mod token_parameters;

pub use crate::base::secret::wipe;
pub use ctx::{Backing, Caller, Created, Ctx, Intent, Issue, MountView, Outside, Records, Services, View, Which};
pub use doc::{Endpoint, RouteDoc};
pub use engine::{Alias, Engine, LeaseView, Next, Renewal, Revoked, SecretKind, TaskKind};
pub use field::{Field, FieldKind};
pub use input::{Input, Map};
pub use login::{Along, Login, LoginRenewal, LoginView};
pub use path::CanonicalPath;
pub use reconcile::{Claim, Drift, Look, Page, Reconciling, Remedy, Seen};
pub use request::{Allowance, Operation, Request, WrapFormat};
pub use response::{Auth, Body, Issued, LeaseAnswer, Outcome, Response, Stream, WrapInfo};
pub use route::{Action, Flags, Handler, Route};
pub use token_parameters::{TokenParameters, TokenType};
