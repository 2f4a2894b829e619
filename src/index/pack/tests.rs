//! Packs against what they were made of, in every form they have.
use std::collections::{BTreeMap, BTreeSet};

use proptest::collection::vec;
use proptest::prelude::*;

use super::super::{Need, Query, Text};
use super::*;

type Said = (i64, String);

fn doc(id: i64) -> Doc {
    Doc {
        id,
        seq: id * 3 % 1_000,
        room: id % 5,
        at_ms: 1_700_000_000_000 + id * 977 % 100_000,
    }
}

fn build(messages: &[Said]) -> Pack {
    let mut builder = Builder::new();
    for (id, text) in messages {
        let marks = [Mark::Room(id % 5), Mark::Author(id % 7)];
        builder.add(doc(*id), text, &marks);
    }
    assert_eq!(builder.len(), messages.len());
    builder.finish()
}

fn column(pack: &Pack) -> Vec<Doc> {
    let blocks = pack.blocks.iter().filter(|block| block.key[0] == 0);
    blocks
        .flat_map(|block| docs(&block.data).unwrap())
        .collect()
}

/// As a database finds it.
fn at<'a>(pack: &'a Pack, term: &[u8]) -> &'a [Block] {
    let after = pack
        .blocks
        .partition_point(|block| block.key.as_slice() <= term);
    &pack.blocks[after.saturating_sub(1)..]
}

fn postings(pack: &Pack, term: &[u8]) -> Vec<u32> {
    let block = at(pack, term).first();
    let list = block.and_then(|block| block::postings(&block.data, term).unwrap());
    list.unwrap_or_default()
}

fn with_prefix(pack: &Pack, prefix: &[u8]) -> Vec<u32> {
    let mut ordinals = BTreeSet::new();
    for block in at(pack, prefix).iter().filter(|block| block.key[0] != 0) {
        let found = block::with_prefix(&block.data, prefix).unwrap();
        ordinals.extend(found.ordinals);
        if !found.goes_on {
            break;
        }
    }
    ordinals.into_iter().collect()
}

fn candidates(pack: &Pack, query: &Query) -> BTreeSet<u32> {
    let set = |list: Vec<u32>| list.into_iter().collect::<BTreeSet<_>>();
    let all = |terms: &Vec<Vec<u8>>| {
        let lists = terms.iter().map(|term| set(postings(pack, term)));
        lists.reduce(|one, other| &one & &other).unwrap_or_default()
    };
    let needs = query.needs().iter().map(|need| match need {
        Need::Term(term) => set(postings(pack, term)),
        Need::Prefix(prefix) => set(with_prefix(pack, prefix)),
        Need::Any(ways) => ways.iter().flat_map(all).collect(),
    });
    needs
        .reduce(|one, other| &one & &other)
        .unwrap_or_else(|| (0..pack.docs).collect())
}

/// What the lists of a pack have to be.
fn lists(messages: &[Said]) -> BTreeMap<Vec<u8>, Vec<u32>> {
    let latest: BTreeMap<i64, &String> = messages.iter().map(|(id, text)| (*id, text)).collect();
    let mut lists: BTreeMap<Vec<u8>, Vec<u32>> = BTreeMap::new();
    for (n, (id, text)) in latest.iter().enumerate() {
        let mut terms = BTreeSet::from([Mark::Room(id % 5).term(), Mark::Author(id % 7).term()]);
        Text::of(text).terms(|term| {
            terms.insert(term.to_vec());
        });
        for term in terms {
            lists.entry(term).or_default().push(n as u32);
        }
    }
    lists
}

fn messages(most: usize) -> impl Strategy<Value = Vec<Said>> {
    vec((0i64..60, "[abcあ設1._A ]{0,12}|(?s).{0,10}"), 0..most)
}

#[test]
fn blocks_are_small_but_for_a_long_list() {
    let said: Vec<Said> = (0..20_000)
        .map(|id| (id, format!("all of{id} {}", id % 97)))
        .collect();
    let pack = build(&said);
    assert!(pack.blocks.is_sorted_by(|one, next| one.key < next.key));
    let (small, large): (Vec<_>, Vec<_>) = pack
        .blocks
        .iter()
        .partition(|block| block.key.len() + block.data.len() <= BLOCK);
    assert!(
        small.len() > 50
            && large
                .iter()
                .all(|block| block.key[0] == 0 || block.key == b"all" || block.key[0] == 1)
    );
    assert_eq!((pack.docs, pack.ids), (20_000, (0, 19_999)));
    assert_eq!(postings(&pack, b"of777"), [777]);
    assert_eq!(postings(&pack, b"all").len(), 20_000);
    assert_eq!(
        postings(&pack, Mark::Room(3).term().as_slice()).len(),
        4_000
    );
    assert_eq!(with_prefix(&pack, b"of").len(), 20_000);
    assert!(with_prefix(&pack, b"zz").is_empty());
    assert_eq!(column(&pack)[12_345], doc(12_345));
}

#[test]
fn what_is_kept_out_is_not_in_the_bytes() {
    let said = [
        (1, "open secretword".to_owned()),
        (2, "open sesame".to_owned()),
    ];
    let pack = build(&said);
    let holds = |blocks: &[Block], word: &str| {
        let bytes = |block: &Block| [block.key.clone(), block.data.clone()].concat();
        blocks
            .iter()
            .any(|block| memchr::memmem::find(&bytes(block), word.as_bytes()).is_some())
    };
    assert!(holds(&pack.blocks, "secretword"));
    let merged = merge(std::slice::from_ref(&pack), |doc| doc.id != 1).unwrap();
    assert!(!holds(&merged.blocks, "secret") && holds(&merged.blocks, "sesame"));
    assert_eq!(merged, build(&said[1..]));

    let block = pack.blocks.last().unwrap();
    let block::Without::Block(left) = block::without(&block.data, &[0]).unwrap() else {
        panic!("a message is left");
    };
    assert!(!holds(&[left], "secret"));
    assert_eq!(
        block::without(&block.data, &[7]),
        Ok(block::Without::Unchanged)
    );
    assert_eq!(
        block::without(&block.data, &[0, 1]),
        Ok(block::Without::Empty)
    );
}

#[test]
fn of_nothing_there_is_a_pack_too() {
    let empty = Builder::new().finish();
    assert_eq!(empty, Pack::default());
    assert_eq!(merge(&[], |_| true), Ok(Pack::default()));
    let twice = [
        build(&[(1, "one word".to_owned())]),
        build(&[(1, "one other".to_owned())]),
    ];
    let united = unite(&twice, |_| true).unwrap();
    assert_eq!(united, build(&[(1, "one word one other".to_owned())]));
    let file = encode(&empty).unwrap();
    let directory = Directory::decode(&file).unwrap();
    assert!(directory.is_empty() && !directory.may_hold(b"x"));
    assert_eq!(
        (
            directory.locate(b"x"),
            directory.docs_block(0),
            directory.range(0)
        ),
        (None, None, None)
    );
}

#[test]
fn a_file_is_read_from_its_end() {
    let said: Vec<Said> = (0..3_000)
        .map(|id| (id, format!("word{} number {id}", id % 700)))
        .collect();
    let pack = build(&said);
    let file = encode(&pack).unwrap();
    let length = Directory::length(&file[file.len() - FOOTER..]).unwrap();
    assert_eq!(
        Directory::decode(&file[file.len() - length + 1..]),
        Err(Damaged("its directory is not in what was read"))
    );
    let directory = Directory::decode(&file[file.len() - length..]).unwrap();
    assert_eq!(
        (directory.docs(), directory.ids(), directory.times()),
        (pack.docs, pack.ids, pack.times)
    );
    assert_eq!(directory.len(), pack.blocks.len());
    for (n, block) in pack.blocks.iter().enumerate() {
        let range = directory.range(n).unwrap();
        let bytes = &file[range.start as usize..range.end as usize];
        assert_eq!(directory.check(n, bytes), Ok(block.data.as_slice()));
        assert!(directory.check(n, &bytes[1..]).is_err() && directory.check(n + 1, bytes).is_err());
    }
    let block = |n: usize| pack.blocks[n].data.as_slice();
    assert_eq!(
        docs(block(directory.docs_block(2_500).unwrap())).unwrap()[2_500 % 512],
        doc(2_500)
    );
    assert_eq!(directory.docs_block(3_072), None);
    let mut held = 0;
    for n in 0..700 {
        let term = format!("word{n}").into_bytes();
        assert!(directory.may_hold(&term));
        let found = block::postings(block(directory.locate(&term).unwrap()), &term)
            .unwrap()
            .unwrap();
        assert_eq!(found, postings(&pack, &term));
        held += usize::from(directory.may_hold(format!("other{n}").as_bytes()));
    }
    assert!(held < 30, "{held} of 700 that are not there may be");
    let first = directory.locate(&[1]).unwrap();
    assert!(pack.blocks[first].key[0] == 1 && pack.blocks[first - 1].key[0] == 0);
    for at in [0, 5, length / 2, length - FOOTER] {
        let mut damaged = file.clone();
        damaged[file.len() - length + at] ^= 4;
        assert!(Directory::decode(&damaged).is_err(), "{at}");
    }
}

proptest! {
    #[test]
    fn a_list_is_read_as_it_was_written(gaps in vec(prop_oneof![0u32..3, 0u32..300, 0u32..10_000_000], 1..200)) {
        let list: Vec<u32> = gaps.iter().scan(0, |sum, gap| { *sum += gap + 1; Some(*sum - 1) }).collect();
        let mut bytes = Vec::new();
        super::postings::write(&list, &mut bytes);
        bytes.push(7);
        let mut read = Vec::new();
        let mut rest = bytes::Bytes(&bytes);
        super::postings::read(&mut rest, |number| read.push(number)).unwrap();
        prop_assert_eq!((read, rest.0), (list, &[7][..]));
    }

    #[test]
    fn a_pack_has_what_it_was_made_of(said in messages(40)) {
        let pack = build(&said);
        let wanted = lists(&said);
        let mut seen = 0;
        for (term, list) in &wanted {
            prop_assert_eq!(&postings(&pack, term), list);
            prop_assert!(with_prefix(&pack, &term[..term.len().min(2)]).len() >= list.len());
            seen += 1;
        }
        prop_assert_eq!(seen, wanted.len());
        let ids: BTreeSet<i64> = said.iter().map(|(id, _)| *id).collect();
        prop_assert_eq!(column(&pack), ids.into_iter().map(doc).collect::<Vec<_>>());
    }

    #[test]
    fn a_merge_is_the_pack_of_all(said in vec(messages(20), 1..5), gone in 2i64..9) {
        let packs: Vec<_> = said.iter().map(|said| build(said)).collect();
        let merged = merge(&packs, |doc| doc.id % gone != 1).unwrap();
        let all: Vec<Said> = said.concat().into_iter().filter(|(id, _)| id % gone != 1).collect();
        prop_assert_eq!(merged, build(&all));
    }

    #[test]
    fn what_a_scan_finds_a_pack_names(said in messages(30), typed in "[abcあ設1._A]{1,3}\\*?|\"?[abc ]{1,5}\"?( [abc])?") {
        let now = "2026-11-30T12:00:00Z".parse().unwrap();
        if let Ok(query) = Query::parse(&typed, now) {
            let pack = build(&said);
            let named = candidates(&pack, &query);
            let latest: BTreeMap<i64, &String> = said.iter().map(|(id, text)| (*id, text)).collect();
            for (n, text) in latest.values().enumerate() {
                prop_assert!(query.matches(text).is_none() || named.contains(&(n as u32)), "{text}");
            }
        }
    }

    #[test]
    fn without_some_is_as_if_they_had_never_been(said in messages(30), gone in vec(0u32..30, 0..6)) {
        let gone: Vec<u32> = gone.into_iter().collect::<BTreeSet<_>>().into_iter().collect();
        let pack = build(&said);
        for block in pack.blocks.iter().filter(|block| block.key[0] != 0) {
            let left = block::without(&block.data, &gone).unwrap();
            let data = match &left {
                block::Without::Unchanged => block.data.clone(),
                block::Without::Block(block) => block.data.clone(),
                block::Without::Empty => Vec::new(),
            };
            for term in lists(&said).keys() {
                let before = block::postings(&block.data, term).unwrap().unwrap_or_default();
                let wanted: Vec<u32> = before.into_iter().filter(|n| !gone.contains(n)).collect();
                let found = block::postings(&data, term).unwrap();
                prop_assert_eq!(found, (!wanted.is_empty()).then_some(wanted));
            }
        }
    }

    #[test]
    fn damaged_bytes_are_refused_or_read(said in messages(20), at in any::<prop::sample::Index>(), by in 1u8..) {
        let mut pack = build(&said);
        let n = at.index(pack.blocks.len().max(1));
        if let Some(block) = pack.blocks.get_mut(n) {
            let place = at.index(block.data.len());
            block.data[place] ^= by;
            let _ = docs(&block.data);
            let _ = block::postings(&block.data, b"b");
            let _ = block::with_prefix(&block.data, b"b");
            let _ = block::without(&block.data, &[1]);
            let _ = encode(&pack);
            let _ = merge(&[pack.clone(), pack], |_| true);
        }
    }

    #[test]
    fn any_bytes_are_refused_or_read(data in vec(any::<u8>(), 0..80)) {
        let _ = docs(&data);
        let _ = block::postings(&data, b"b");
        let _ = block::with_prefix(&data, b"b");
        let _ = block::without(&data, &[1]);
        let _ = Directory::decode(&data);
        let block = |key: &[u8]| Block { key: key.to_vec(), data: data.clone() };
        let pack = Pack { blocks: vec![block(&[0, 0, 0, 0, 0]), block(b"a")], ..Pack::default() };
        let _ = merge(&[pack], |_| true);
        // With a foot that says it is a directory.
        let length = u32::try_from(data.len()).unwrap().to_le_bytes();
        let check = &<sha2::Sha256 as sha2::Digest>::digest(&data)[..8];
        let file = [&data, &length[..], check, b"dcindex1"].concat();
        if let Ok(directory) = Directory::decode(&file) {
            let _ = (directory.locate(b"a"), directory.docs_block(0), directory.may_hold(b"a"));
            let _ = directory.check(0, b"");
        }
    }
}
