//! The auth methods that `login` knows, as data: where each is mounted when nobody says, the path it is asked at, what it must
//! be given and what it asks for without showing it.

use crate::base::Secret;
use crate::base::closest::closest;
use crate::cli::help::PROGRAM;
use crate::cli::{Environment, Failure, Invocation, arguments, console};
use serde_json::{Map, Value};

/// One way to sign in.
pub struct Method {
    /// Its kind, which is also where it is mounted when nobody says.
    pub name: &'static str,
    /// The argument that stands in the path and not in the body.
    in_path: Option<Field>,
    /// What must be given besides.
    needs: &'static [Field],
    /// What is asked for without showing it, when it is not given.
    asks: Option<Field>,
    about: &'static str,
    examples: &'static [&'static str],
}

#[derive(Clone, Copy)]
struct Field {
    name: &'static str,
    help: &'static str,
    /// The environment variable that stands in for it.
    variable: Option<&'static str>,
}

const fn field(name: &'static str, help: &'static str) -> Field {
    Field { name, help, variable: None }
}

const USERNAME: Field = field("username", "The name of the user.");
const PASSWORD: Field = field("password", "The password. Asked for without showing it when it is not given.");
const ROLE: Field = field("role", "The role to sign in with.");
const JWT: Field = field("jwt", "The signed token. Asked for without showing it when it is not given.");

pub const METHODS: &[Method] = &[
    Method {
        name: "token",
        in_path: None,
        needs: &[],
        asks: Some(field("token", "The token. Asked for without showing it when it is not given.")),
        about: "Signs in with a token that one has already. It is checked with the server.",
        examples: &["login", "login -method=token token=@token.txt"],
    },
    Method {
        name: "userpass",
        in_path: Some(USERNAME),
        needs: &[],
        asks: Some(PASSWORD),
        about: "Signs in with a name and a password.",
        examples: &[
            "login -method=userpass username=anna",
            "login -method=userpass -path=staff username=anna password=-",
        ],
    },
    Method {
        name: "ldap",
        in_path: Some(Field { variable: Some("VAULT_LDAP_USERNAME"), ..USERNAME }),
        needs: &[],
        asks: Some(Field { variable: Some("VAULT_LDAP_PASSWORD"), ..PASSWORD }),
        about: "Signs in with a name and a password of a directory.",
        examples: &["login -method=ldap username=anna"],
    },
    Method {
        name: "radius",
        in_path: Some(USERNAME),
        needs: &[],
        asks: Some(PASSWORD),
        about: "Signs in with a name and a password that a RADIUS server knows.",
        examples: &["login -method=radius username=anna"],
    },
    Method {
        name: "okta",
        in_path: Some(USERNAME),
        needs: &[],
        asks: Some(PASSWORD),
        about: "Signs in with a name and a password of Okta.",
        examples: &["login -method=okta username=anna"],
    },
    Method {
        name: "approle",
        in_path: None,
        needs: &[field("role_id", "The id of the role.")],
        asks: None,
        about: "Signs in a program by the id of a role and, where the role wants one, a secret id.",
        examples: &["login -method=approle role_id=59d6d1ca-47bb-4e7e-a40b-8be3bc5a0ba8 secret_id=@secret-id"],
    },
    Method {
        name: "cert",
        in_path: None,
        needs: &[],
        asks: None,
        about: "Signs in with the certificate that -client-cert and -client-key show. With name=NAME only the role of that name \
                is tried.",
        examples: &["login -method=cert -client-cert=anna.pem -client-key=anna.key name=web"],
    },
    Method {
        name: "github",
        in_path: None,
        needs: &[],
        asks: Some(Field {
            variable: Some("VAULT_AUTH_GITHUB_TOKEN"),
            ..field("token", "A personal access token. Asked for without showing it when it is not given.")
        }),
        about: "Signs in with a personal access token of GitHub.",
        examples: &["login -method=github"],
    },
    Method {
        name: "jwt",
        in_path: None,
        needs: &[],
        asks: Some(JWT),
        about: "Signs in with a signed token of another service. With role=ROLE it is for that role.",
        examples: &["login -method=jwt role=ci jwt=@token.jwt"],
    },
    Method {
        name: "kubernetes",
        in_path: None,
        needs: &[ROLE],
        asks: Some(JWT),
        about: "Signs in with the token of a service account.",
        examples: &["login -method=kubernetes role=web jwt=@/var/run/secrets/kubernetes.io/serviceaccount/token"],
    },
];

/// The method of a name.
#[must_use]
pub fn named(name: &str) -> Option<&'static Method> {
    METHODS.iter().find(|method| method.name == name)
}

/// Every name, for a sentence.
#[must_use]
pub fn names() -> String {
    METHODS.iter().map(|method| method.name).collect::<Vec<_>>().join(", ")
}

#[must_use]
pub fn unknown(name: &str) -> Failure {
    let meant = closest(name, METHODS.iter().map(|method| method.name));
    let hint = meant.map(|meant| format!(" Did you mean {meant}?")).unwrap_or_default();
    Failure::local(format!(
        "Unknown auth method: {name}.{hint} \"login\" knows: {}. By any other one signs in with \"write auth/{name}/login …\", \
         where the server has it.",
        names()
    ))
}

/// What is sent to sign in.
pub struct Order {
    pub path: String,
    pub body: Map<String, Value>,
}

impl Method {
    /// Puts together what the arguments, the environment and the person at the terminal say.
    ///
    /// # Errors
    /// Something that the method needs and that was not given.
    pub fn order(&self, invocation: &Invocation) -> Result<Order, Failure> {
        let mut body = arguments::data(&invocation.arguments)?;
        let mount = invocation.given("path").map(str::to_owned).filter(|path| !path.is_empty());
        let mount = mount.or_else(|| body.shift_remove("mount").and_then(|mount| mount.as_str().map(str::to_owned)));
        let mount = mount.unwrap_or_else(|| self.name.to_owned());
        let mount = mount.trim_matches('/').trim_start_matches("auth/");
        let mut path = format!("auth/{mount}/login");
        for field in self.in_path.iter().chain(self.needs) {
            let value = self.given(field, &body, &invocation.environment).ok_or_else(|| self.missing(field))?;
            body.insert(field.name.to_owned(), value);
        }
        if let Some(field) = &self.asks {
            let value = match self.given(field, &body, &invocation.environment) {
                Some(value) => value,
                None => Value::from(self.ask(field, invocation)?.expose().as_str()),
            };
            body.insert(field.name.to_owned(), value);
        }
        if let Some(field) = &self.in_path {
            let value = body.shift_remove(field.name).unwrap_or_default();
            path = format!("{path}/{}", value.as_str().unwrap_or_default());
        }
        Ok(Order { path, body })
    }

    fn given(&self, field: &Field, body: &Map<String, Value>, environment: &Environment) -> Option<Value> {
        let argument = body.get(field.name).filter(|value| **value != "").map(|value| match value.as_str() {
            // A file and standard input often end with a newline that is no part of what they hold.
            Some(text) => Value::from(text.trim_end_matches(['\r', '\n'])),
            None => value.clone(),
        });
        argument.or_else(|| environment.variable(field.variable?).map(Value::from))
    }

    fn ask(&self, field: &Field, invocation: &Invocation) -> Result<Secret<String>, Failure> {
        if invocation.is_set("non-interactive") {
            return Err(Failure::local(format!("No {} given, and asking is forbidden.", field.name)));
        }
        let mut name = field.name.to_owned();
        if let Some(first) = name.get_mut(..1) {
            first.make_ascii_uppercase();
        }
        console::ask_secret(&format!("{name} (will be hidden): "))
    }

    /// What it can be given, each with what it is.
    #[must_use]
    pub fn keys(&self) -> Vec<(&'static str, &'static str)> {
        self.fields().map(|field| (field.name, field.help)).collect()
    }

    fn fields(&self) -> impl Iterator<Item = &Field> {
        self.in_path.iter().chain(self.needs).chain(self.asks.as_ref())
    }

    fn missing(&self, field: &Field) -> Failure {
        Failure::local(format!(
            "Error authenticating: {} needs {}=…. See: {PROGRAM} auth help {}",
            self.name, field.name, self.name
        ))
    }

    /// What `auth help` prints.
    #[must_use]
    pub fn help(&self) -> String {
        let mut text = format!("Usage: {PROGRAM} login -method={} [options] [KEY=VALUE...]\n\n", self.name);
        text.push_str(&crate::cli::help::paragraphs(self.about, 2));
        text.push_str("\nExamples:\n\n");
        for example in self.examples {
            text.push_str(&format!("      $ {PROGRAM} {example}\n"));
        }
        let fields: Vec<&Field> = self.fields().collect();
        if !fields.is_empty() {
            text.push_str("\nKeys:\n");
        }
        for field in fields {
            let also = field.variable.map(|name| format!(" Can also be given by {name}.")).unwrap_or_default();
            let help = crate::cli::help::paragraphs(&format!("{}{also}", field.help), 6);
            text.push_str(&format!("\n  {}=<string>\n{help}", field.name));
        }
        text
    }
}
