//! The index, by itself.

use super::note::Kind;
use super::tree::*;

const WIDE: Budget = Budget { directories_max: 1_000_000, names_max: 1_000_000 };

fn add(tree: &mut Tree, path: &str, kind: Kind) -> Option<Entry> {
    let (dir, name) = tree.parent(path.as_bytes()).unwrap();
    tree.insert(dir, name, kind)
}

fn below(tree: &Tree) -> Vec<String> {
    let mut all = Vec::new();
    tree.each_below(ROOT, &mut Vec::new(), &mut |path, directory| {
        all.push(format!("{}{}", String::from_utf8_lossy(path), if directory { "/" } else { "" }));
    });
    all
}

#[test]
fn a_subtree_is_told_children_first_and_leaves_nothing() {
    let mut tree = Tree::new(WIDE);
    for (path, kind) in [
        ("a", Kind::Directory),
        ("a/b", Kind::Directory),
        ("a/b/x", Kind::File),
        ("a/y", Kind::File),
        ("z", Kind::File),
    ] {
        add(&mut tree, path, kind).unwrap();
    }
    assert_eq!(below(&tree), ["a/b/x", "a/b/", "a/y", "a/", "z"]);
    let b = tree.resolve(b"a/b").unwrap();
    tree.set_watched(b, true);
    tree.set_unread(b, true);
    let counts = tree.counts();
    assert_eq!((counts.names, counts.directories, counts.watched, counts.unread), (5, 3, 1, 1));

    let a = tree.entry(ROOT, b"a").unwrap();
    tree.remove(ROOT, a);
    assert_eq!(below(&tree), ["z"]);
    assert_eq!(tree.resolve(b"a/b"), None, "the parent asked for last is forgotten with it");
    assert_eq!(tree.counts(), Counts { names: 1, directories: 1, ..Counts::default() });

    // Its numbers are used again.
    add(&mut tree, "c", Kind::Directory).unwrap();
    add(&mut tree, "c/d", Kind::Directory).unwrap();
    assert_eq!((tree.slots(), tree.counts().watched), (3, 0));
}

#[test]
fn a_grave_is_no_name_and_comes_back_with_an_echo() {
    let mut tree = Tree::new(WIDE);
    let entry = add(&mut tree, "a", Kind::Directory).unwrap();
    tree.bury(ROOT, entry);
    assert_eq!((tree.counts().names, tree.counts().directories), (0, 1));
    assert!(tree.is_empty(ROOT) && tree.resolve(b"a").is_none() && below(&tree).is_empty());
    let grave = tree.entry(ROOT, b"a").unwrap();
    assert!(grave.note.is_gone());
    let entry = tree.unbury(ROOT, grave);
    assert!(entry.note.has_echo() && entry.child.is_some());
    assert_eq!((tree.counts().names, tree.counts().directories), (1, 2));
    tree.bury(ROOT, entry);
    let grave = tree.entry(ROOT, b"a").unwrap();
    tree.remove(ROOT, grave);
    assert_eq!((tree.counts().names, tree.entry(ROOT, b"a")), (0, None));
}

#[test]
fn the_budget_keeps_directories_that_can_be_watched() {
    let mut tree = Tree::new(Budget { directories_max: 3, names_max: 2 });
    assert!(add(&mut tree, "a", Kind::File).is_some());
    assert!(add(&mut tree, "b", Kind::File).is_some());
    assert!(add(&mut tree, "c", Kind::File).is_none());
    assert!(add(&mut tree, "d", Kind::Directory).is_some());
    assert!(add(&mut tree, "e", Kind::Directory).is_some());
    assert!(add(&mut tree, "f", Kind::Directory).is_none());
    assert_eq!((tree.counts().uncovered, tree.counts().directories), (1, 3));
    tree.begin_listing(ROOT);
    assert_eq!(tree.counts().uncovered, 0);
}

#[test]
fn forgotten_watches_can_be_claimed_again() {
    let mut tree = Tree::new(WIDE);
    add(&mut tree, "a", Kind::Directory);
    add(&mut tree, "a/b", Kind::Directory);
    let (a, b) = (tree.resolve(b"a").unwrap(), tree.resolve(b"a/b").unwrap());
    for dir in [a, b] {
        assert!(tree.claim(dir, 1) && !tree.claim(dir, 1));
        tree.set_watched(dir, true);
    }
    tree.forget_watches(a);
    assert!(tree.claim(a, 1) && tree.claim(b, 1));
    assert_eq!(tree.counts().watched, 0);
}

#[test]
fn paths_split_and_join() {
    assert_eq!(split(b""), None);
    assert_eq!(split(b"a"), Some((&b""[..], &b"a"[..])));
    assert_eq!(split(b"a/b/c"), Some((&b"a/b"[..], &b"c"[..])));
    let mut path = Vec::new();
    join(&mut path, b"a");
    join(&mut path, b"b");
    assert_eq!(path, b"a/b");
}

#[test]
fn tidying_gives_free_numbers_back_and_keeps_the_rest() {
    let mut tree = Tree::new(WIDE);
    for name in ["a", "b", "c", "d"] {
        add(&mut tree, name, Kind::Directory);
        add(&mut tree, &format!("{name}/x"), Kind::File);
    }
    for name in ["a", "d"] {
        let entry = tree.entry(ROOT, name.as_bytes()).unwrap();
        tree.remove(ROOT, entry);
    }
    tree.tidy();
    assert_eq!((tree.slots(), below(&tree).len()), (4, 4));
    add(&mut tree, "e", Kind::Directory);
    assert_eq!((tree.slots(), tree.resolve(b"e").is_some()), (4, true));
    for name in ["b", "c", "e"] {
        let entry = tree.entry(ROOT, name.as_bytes()).unwrap();
        tree.remove(ROOT, entry);
    }
    tree.tidy();
    assert_eq!((tree.slots(), tree.counts()), (1, Counts { directories: 1, ..Counts::default() }));
}
