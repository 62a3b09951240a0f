//! `login/{username}`: a token for whoever knows the password.

use super::hashing::{self, Password};
use super::user::{USERNAME, User, record};
use crate::base::{Error, Result, Secret, Timestamp};
use crate::logical::route::PUBLIC;
use crate::logical::{
    Action, Along, Ctx, Field, Input, Login, LoginRenewal, LoginView, Map, Operation, Records, Response, Route,
};
use serde::{Deserialize, Serialize};

pub static ROUTE: Route<Ctx> = Route {
    pattern: "login/{username}",
    fields: &[USERNAME, Field::text("password", "The user's password.")],
    actions: &[Action::new(Operation::Update, sign_in, "Sign in with a name and a password.")],
    exists: None,
    summary: "Sign in with a name and a password.",
    help: "The answer's auth holds the token. Whoever has no user, or comes with another password, is told the same after the \
           same time; after too many of these the name is locked for a while.",
    flags: PUBLIC,
};

fn sign_in(ctx: &mut Ctx, input: &Input) -> Result<Response> {
    let name = input.required("username")?;
    let password: Secret<String> = input.required("password")?.into();
    let deadline = ctx.outside().deadline();
    let user = ctx.attempt(&name, "invalid username or password", |ctx| {
        let user: Option<User> = ctx.load(&record(&name))?;
        let is_right = hashing::is_right(user.as_ref().map(|user| &user.password), &password, deadline)?;
        Ok(user.filter(|_| is_right))
    })?;
    let is_kept = user.password.is_current() || !user.password.proves_all_of(&password);
    let along = if is_kept { None } else { Some(renewed(&name, &user, &password, deadline)?) };
    let login = Login {
        alias: name.clone(),
        display_name: name.clone(),
        metadata: Map::from_iter([("username".to_owned(), name.into())]),
        token: user.token,
        along,
        ..Login::default()
    };
    Ok(Response { login: Some(Box::new(login)), ..Response::default() })
}

/// A hash of another kind, which is replaced when the token comes to life.
#[derive(Serialize, Deserialize)]
struct Replacement {
    name: String,
    old: Password,
    new: Password,
}

fn renewed(name: &str, user: &User, password: &Secret<String>, deadline: std::time::Instant) -> Result<Along> {
    let new = Password::new(password, deadline)?;
    let with = Replacement { name: name.to_owned(), old: user.password.clone(), new };
    let with = serde_json::to_string(&with).map_err(|_| Error::internal("a password's hash cannot be written"))?;
    Ok(Along { change: replace, with: with.into() })
}

/// Unless the password is another one by now.
fn replace(records: &mut dyn Records, with: &str, _now: Timestamp) -> Result<()> {
    let Replacement { name, old, new } =
        serde_json::from_str(with).map_err(|_| Error::internal("a password's hash does not parse"))?;
    match User::load_in(records, &name)?.filter(|user| user.password == old) {
        Some(user) => User { password: new, ..user }.store_in(records, &name),
        None => Ok(()),
    }
}

/// A token is renewed for as long as its user is there, with the limits that the user has now.
pub fn renew(ctx: &mut Ctx, login: &LoginView) -> Result<LoginRenewal> {
    let user: Option<User> = ctx.load(&record(&login.alias))?;
    let user = user.ok_or_else(|| Error::bad_request("the user is not there any more, not renewing"))?;
    Ok(LoginRenewal { token: user.token, groups: None })
}
