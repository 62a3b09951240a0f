//! What must hold of identities, whatever the API does with them.

use super::login::{Presented, entity_of};
use super::{Entity, Group, GroupAlias, GroupKind, entities, fold, grantable, groups, merge};
use crate::base::{Kind, Result, Timestamp};
use crate::engine::memory::MemoryView;
use crate::logical::{Records, View};

const NOW: Timestamp = Timestamp(1_800_000_000_000);

fn change<T>(view: &MemoryView, mut work: impl FnMut(&mut dyn Records) -> Result<T>) -> Result<T> {
    let mut answer = None;
    view.write(&mut |records| {
        answer = Some(work(records)?);
        Ok(())
    })?;
    Ok(answer.unwrap())
}

fn entity(view: &MemoryView, name: &str) -> Entity {
    let entity = Entity { name: name.to_owned(), ..Entity::new(NOW).unwrap() };
    change(view, |records| entities::save(records, None, &entity)).unwrap();
    entity
}

fn group(view: &MemoryView, name: &str, change_it: impl Fn(&mut Group)) -> Group {
    let mut group = Group { name: name.to_owned(), ..Group::new(NOW).unwrap() };
    change_it(&mut group);
    change(view, |records| groups::save(records, None, &group)).unwrap();
    group
}

fn external(view: &MemoryView, name: &str, accessor: &str) -> Group {
    group(view, &format!("{name} at {accessor}"), |group| {
        group.kind = GroupKind::External;
        group.alias = Some(GroupAlias {
            id: crate::base::random::uuid(),
            mount_accessor: accessor.to_owned(),
            name: name.to_owned(),
            created: 0,
            updated: 0,
        });
    })
}

fn sign_in(view: &MemoryView, accessor: &str, name: &str, groups: &[&str]) -> Entity {
    let presented = Presented {
        mount_accessor: accessor.to_owned(),
        name: name.to_owned(),
        groups: Some(groups.iter().map(|name| (*name).to_owned()).collect()),
        ..Presented::default()
    };
    change(view, |records| entity_of(records, &presented, NOW)).unwrap()
}

fn members(view: &MemoryView, group: &Group) -> Vec<String> {
    change(view, |records| Ok(groups::by_id(records, &group.id)?.unwrap().member_entities)).unwrap()
}

#[test]
fn a_policy_that_differs_from_root_in_case_or_space_is_root_and_refused() {
    for name in ["root", "ROOT", "Root ", " root", "rOOt\n"] {
        let refused = grantable(&["app".to_owned(), name.to_owned()]).unwrap_err();
        assert_eq!(refused.kind(), Kind::BadRequest, "{name:?}");
    }
    assert_eq!(grantable(&["App".to_owned(), "app ".to_owned()]).unwrap(), ["app"]);
}

#[test]
fn names_that_differ_in_case_or_space_are_one_name() {
    assert_eq!(fold("  ALICE "), fold("alice"));
    let view = MemoryView::default();
    let alice = entity(&view, "Alice");
    let other = Entity { name: "aLICE ".to_owned(), ..Entity::new(NOW).unwrap() };
    assert!(change(&view, |records| entities::save(records, None, &other)).is_err());
    let found = change(&view, |records| entities::by_name(records, "ALICE")).unwrap().unwrap();
    assert_eq!(found.id, alice.id);
    assert_eq!(sign_in(&view, "userpass_1", "Bob", &[]).id, sign_in(&view, "userpass_1", "bob ", &[]).id);
}

#[test]
fn a_name_with_a_slash_or_dots_is_a_name_and_no_path() {
    let view = MemoryView::default();
    let names = ["a/b", "a%2Fb", "a//b", "../a", ".", "a"];
    let made: Vec<Entity> = names.iter().map(|name| entity(&view, name)).collect();
    for (name, made) in names.iter().zip(&made) {
        let found = change(&view, |records| entities::by_name(records, name)).unwrap().unwrap();
        assert_eq!(found.id, made.id, "{name}");
    }
}

#[test]
fn the_same_name_at_another_mount_is_another_entity() {
    let view = MemoryView::default();
    assert_ne!(sign_in(&view, "userpass_1", "alice", &[]).id, sign_in(&view, "userpass_2", "alice", &[]).id);
}

#[test]
fn an_external_group_of_another_mount_is_not_joined() {
    let view = MemoryView::default();
    let (here, there) = (external(&view, "admins", "ldap_1"), external(&view, "admins", "ldap_2"));
    let alice = sign_in(&view, "ldap_1", "alice", &["Admins"]);
    assert_eq!(members(&view, &here), [alice.id.as_str()]);
    assert!(members(&view, &there).is_empty());
    sign_in(&view, "ldap_1", "alice", &[]);
    assert!(members(&view, &here).is_empty(), "who is no longer in it has left it");
}

#[test]
fn groups_in_groups_count_and_a_circle_is_refused() {
    let view = MemoryView::default();
    let alice = entity(&view, "alice");
    let inner = group(&view, "inner", |group| group.member_entities = vec![alice.id.clone()]);
    let middle = group(&view, "middle", |group| group.member_groups = vec![inner.id.clone()]);
    let outer = group(&view, "outer", |group| group.member_groups = vec![middle.id.clone()]);
    let above = change(&view, |records| groups::above(records, std::slice::from_ref(&inner))).unwrap();
    let mut names: Vec<_> = above.iter().map(|group| group.name.as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["middle", "outer"]);

    let circle = Group { member_groups: vec![outer.id], ..inner.clone() };
    let refused = change(&view, |records| groups::save(records, Some(&inner), &circle)).unwrap_err();
    assert!(refused.message().contains("cyclic"), "{refused:?}");
    let itself = Group { member_groups: vec![inner.id.clone()], ..inner.clone() };
    assert!(change(&view, |records| groups::save(records, Some(&inner), &itself)).is_err());
    let stranger = Group { member_entities: vec!["nobody".to_owned()], ..inner.clone() };
    assert!(change(&view, |records| groups::save(records, Some(&inner), &stranger)).is_err());
}

#[test]
fn a_deleted_entity_leaves_no_way_to_it() {
    let view = MemoryView::default();
    let alice = sign_in(&view, "userpass_1", "alice", &[]);
    let team = group(&view, "team", |group| group.member_entities = vec![alice.id.clone()]);
    change(&view, |records| entities::delete(records, &alice)).unwrap();
    assert!(members(&view, &team).is_empty());
    let left = change(&view, |records| records.list("")).unwrap();
    assert_eq!(left, ["group-name/", "group/"]);
}

#[test]
fn merged_entities_become_one_with_all_that_they_had() {
    let view = MemoryView::default();
    let (a, b) = (sign_in(&view, "userpass_1", "alice", &[]), sign_in(&view, "cert_1", "alice", &[]));
    let team = group(&view, "team", |group| group.member_entities = vec![b.id.clone()]);
    let same_mount = sign_in(&view, "userpass_1", "alicia", &[]);
    let merged = |from: &Entity, force| {
        change(&view, |records| merge::merge(records, &a.id, std::slice::from_ref(&from.id), &[], force, NOW))
    };
    merged(&b, false).unwrap();
    assert_eq!(members(&view, &team), [a.id.as_str()]);
    assert_eq!(sign_in(&view, "cert_1", "alice", &[]).id, a.id);
    let refused = merged(&same_mount, false).unwrap_err();
    assert!(refused.message().contains("conflicting"), "{refused:?}");
    merged(&same_mount, true).unwrap();
    let after = change(&view, |records| entities::by_id(records, &a.id)).unwrap().unwrap();
    assert_eq!(after.aliases.len(), 2);
    assert_eq!(after.merged, [b.id, same_mount.id]);
}
