//! The names of users: made by a template, before anything exists outside.
//!
//! The random part of a name ends in a checksum that only this server can make, so that a name alone tells whether it may be
//! one of ours.

use crate::base::template::{Shape, Template, Values};
use crate::base::{Clock, Error, Result, random};
use crate::engine::database::driver::Naming;
use crate::logical::Ctx;

/// Characters of the checksum: one in two thousand million of the names that are not ours would pass.
const CHECKSUM: usize = 6;

/// # Errors
/// `BadRequest` when it does not parse.
pub fn check_template(template: &str) -> Result<()> {
    Template::parse(template).map(drop).map_err(|error| error.context("username_template"))
}

/// A new name for whoever asks, in the name of a role.
///
/// # Errors
/// `BadRequest` when the template does not render, or to a name that is empty or too long.
pub fn choose(ctx: &Ctx, naming: &Naming, template: &str, role: &str) -> Result<String> {
    let random = random_part(ctx, naming.random)?;
    let name = rendered(naming, template, (&ctx.caller.display_name, role, random), ctx.clock.as_ref())?;
    match name.len() {
        0 => Err(Error::bad_request("username_template makes an empty name")),
        length if length > naming.longest => Err(Error::bad_request(format!(
            "username_template makes a name of {length} bytes; the database takes {}: use truncate",
            naming.longest
        ))),
        _ if name.contains('\0') => Err(Error::bad_request("username_template makes a name with a NUL in it")),
        _ => Ok(name),
    }
}

/// What the names by a template have in common.
#[must_use]
pub fn shape(naming: &Naming, template: &str) -> Shape {
    Shape::of(|sample, clock| {
        let random = random::base62(naming.random)?;
        rendered(naming, template, (sample, sample, random), clock)
    })
}

fn rendered(
    naming: &Naming,
    template: &str,
    (display_name, role, random): (&str, &str, String),
    clock: &dyn Clock,
) -> Result<String> {
    let template = if template.is_empty() { naming.template } else { template };
    let values = Values::new()
        .with("DisplayName", display_name.to_owned())
        .with("RoleName", role.to_owned())
        .with("Random", random);
    Template::parse(template)
        .and_then(|template| template.render(&values, clock))
        .map_err(|error| error.context("username_template"))
}

fn random_part(ctx: &Ctx, length: usize) -> Result<String> {
    let chance = random::base62(length.saturating_sub(CHECKSUM))?;
    Ok(format!("{chance}{}", checksum(ctx, &chance)))
}

fn checksum(ctx: &Ctx, chance: &str) -> String {
    let mut mark = ctx.mark(chance);
    mark.truncate(CHECKSUM);
    mark
}

/// Whether the random part of a name, as the default template makes it, is of this server's making.
#[must_use]
pub fn is_ours(ctx: &Ctx, naming: &Naming, name: &str) -> bool {
    let ours = |part: &str| {
        let (chance, sum) = part.split_at_checked(naming.random - CHECKSUM).unwrap_or((part, ""));
        part.len() == naming.random && sum == checksum(ctx, chance)
    };
    name.split(['-', '_']).any(ours)
}
