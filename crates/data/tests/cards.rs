//! The cards that ship, each on made-up rows in the layout that its data is published in.

use mmtl_data::{Dataset, Part, card_text, cards};

use crate::importing::Files;

/// A number below `below` that looks drawn.
fn draw(row: usize, column: usize, below: usize) -> usize {
    let mut z =
        (row as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ (column as u64).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 31)).wrapping_mul(0x94D0_49BB_1331_11EB);
    ((z ^ (z >> 29)) % below as u64) as usize
}

fn lines(header: &str, rows: usize, line: impl Fn(usize) -> String) -> Vec<u8> {
    let mut text = if header.is_empty() { String::new() } else { format!("{header}\n") };
    for row in 0..rows {
        text += &line(row);
        text.push('\n');
    }
    text.into_bytes()
}

/// The data set, whose tasks and scenes are those named.
fn imported(card: &str, files: &[(&str, Vec<u8>)], tasks: &str, scenes: &str) -> Dataset {
    let files: Vec<(&str, &[u8])> = files.iter().map(|(name, bytes)| (*name, bytes.as_slice())).collect();
    let dataset = Files::of(&files).by(card).unwrap_or_else(|error| panic!("{card}: {error}"));
    let names: Vec<&str> = dataset.schema().tasks.iter().map(|task| task.name.as_str()).collect();
    assert_eq!(names.join(" "), tasks, "{card}");
    assert_eq!(dataset.schema().scenes.join(" "), scenes, "{card}");
    assert!(Part::ALL.iter().all(|part| !dataset.rows(*part).is_empty()));
    dataset
}

const ROWS: usize = 400;

#[test]
fn all_cards_are_checked_and_described() {
    let all: Vec<(&str, String)> = cards().collect();
    assert_eq!(all.len(), 12);
    for (name, about) in all {
        let text = card_text(name).unwrap();
        assert!(about.ends_with('.') && about.len() > 40, "{name}: {about}");
        assert!(text.contains("\nsource = ") && text.contains("\nlicence = "), "{name}");
    }
    assert!(card_text("nothing").is_none());
}

#[test]
fn movielens_in_both_layouts() {
    let ages = [1, 18, 25, 35, 45, 50, 56];
    let user = |user: usize| (user % 7, ["F", "M"][user % 2], user % 20, 10_000 + user % 30);
    let rating = |row| (draw(row, 0, 60), draw(row, 1, 40), 1 + draw(row, 2, 5), 978_300_000 + row);
    let own = [
        (
            "ratings.dat",
            lines("", ROWS, |row| {
                let (user, movie, rating, at) = rating(row);
                format!("{user}::{movie}::{rating}::{at}")
            }),
        ),
        (
            "users.dat",
            lines("", 60, |at| {
                let (age, gender, occupation, zip) = user(at);
                format!("{at}::{gender}::{}::{occupation}::{zip}", ages[age])
            }),
        ),
        ("movies.dat", {
            // Titles are latin-1.
            let mut bytes = lines("", 39, |at| format!("{at}::Film {at} (1995)::Drama|Comedy"));
            bytes.extend(b"39::Caf\xe9 (1995)::Comedy\n");
            bytes
        }),
    ];
    let dataset = imported("movielens-1m", &own, "like rating", "young adult older");
    assert_eq!(dataset.len(), ROWS);
    let recbole = [
        (
            "ml-1m.inter",
            lines("user_id:token\titem_id:token\trating:float\ttimestamp:float", ROWS, |row| {
                let (user, movie, rating, at) = rating(row);
                format!("1m_{user}\tFilm {movie}\t{rating}\t{at}")
            }),
        ),
        (
            "ml-1m.user",
            lines("user_id:token\tage:float\tgender:token\toccupation:float\tzip_code:token", 60, |at| {
                let (age, gender, occupation, zip) = user(at);
                format!("1m_{at}\t{}\t{gender}\t{occupation}\t{zip}", ages[age])
            }),
        ),
        (
            "ml-1m.item",
            lines("item_id:token\tmovie_title:token\trelease_year:float\tgenre:token", 40, |at| {
                format!("Film {at}\tFilm\t1995\t{}", if at == 39 { "Comedy" } else { "Drama Comedy" })
            }),
        ),
    ];
    let other = imported("movielens-1m-recbole", &recbole, "like rating", "young adult older");
    let vocabularies = |dataset: &Dataset| dataset.schema().vocabularies.iter().map(|v| v.size).collect::<Vec<_>>();
    assert_eq!(dataset.schema().fields, other.schema().fields);
    assert!(vocabularies(&dataset)[0] == 3 && vocabularies(&other)[0] == 3);
}

#[test]
fn epinions_keeps_its_large_categories() {
    let log = lines("user_id\titem_id\tcategory\trating\thelpfulness\ttime_bucket", 1200, |row| {
        let draw = |column, below| 1 + draw(row, column, below);
        format!("{}\t{}\t{}\t{}\t{}\t{}", draw(0, 50), draw(1, 90), draw(2, 27), draw(3, 5), draw(4, 5), draw(5, 11))
    });
    let names: Vec<String> = (1..=19).chain([21, 22]).map(|name: usize| name.to_string()).collect();
    let dataset = imported("epinions", &[("ratings.tsv", log)], "rating helpfulness top", &names.join(" "));
    assert!(dataset.len() < 1100);
}

#[test]
fn reviews_of_clothes() {
    let header = ",Clothing ID,Age,Title,Review Text,Rating,Recommended IND,Positive Feedback Count,Division Name,Department Name,Class Name";
    let log = lines(header, ROWS, |row| {
        let words = "\"Love it, truly\"";
        let scene = ["Tops", "Dresses", ""][draw(row, 3, 3)];
        let (id, age, votes) = (draw(row, 0, 40), 18 + draw(row, 1, 60), draw(row, 2, 30));
        let (rating, good) = (1 + draw(row, 4, 5), draw(row, 5, 2));
        format!("{row},{id},{age},{},{words},{rating},{good},{votes},General,{scene},Knits", ["", "Nice"][row % 2])
    });
    imported(
        "womens-clothing",
        &[("Womens Clothing E-Commerce Reviews.csv", log)],
        "recommended rating helpful_votes",
        "Dresses Tops (missing)",
    );
}

#[test]
fn a_census() {
    let line = |row: usize| {
        let mut fields: Vec<String> = (0..42).map(|column| format!(" v{}", draw(row, column, 4))).collect();
        for numeric in [0, 5, 16, 17, 18, 24, 30, 39] {
            fields[numeric] = format!(" {}", draw(row, numeric, 50));
        }
        fields[7] = [" Never married", " Divorced", " ?"][draw(row, 7, 3)].to_owned();
        fields[12] = [" Male", " Female"][draw(row, 12, 2)].to_owned();
        fields[41] = [" - 50000.", " 50000+."][draw(row, 41, 2)].to_owned();
        fields.join(",")
    };
    let files =
        [("census-income.data", lines("", ROWS, line)), ("census-income.test", lines("", 200, |row| line(row + 5000)))];
    let dataset = imported("census-income", &files, "income marital", "Female Male");
    assert_eq!(dataset.rows(Part::Train).len(), ROWS);
    let unknown = (0..dataset.len() as u32).filter(|row| dataset.label(1, *row).is_none()).count();
    assert!(unknown > 100, "a `?` is missing");
}

#[test]
fn clicks_and_purchases_of_taobao_and_aliexpress() {
    let named = |card: &str, between: &str| {
        let text = card_text(card).unwrap();
        let columns: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix(between)).collect();
        columns.iter().map(|line| line.trim_end_matches(['"', ']']).to_owned()).collect::<Vec<_>>()
    };
    let mut columns = named("ali-ccp", "column = \"");
    columns.extend(["D109_14", "D110_14", "D127_14", "D150_14", "D508", "D509", "D702", "D853"].map(str::to_owned));
    let header = format!("click,purchase,301,{}", columns.join(","));
    let row = |row: usize| {
        let click = draw(row, 0, 2);
        let rest: Vec<String> = (0..columns.len()).map(|column| draw(row, column + 3, 9).to_string()).collect();
        format!("{click},{},{},{}", click * draw(row, 1, 2), 1 + draw(row, 2, 3), rest.join(","))
    };
    let file = |first: usize| lines(&header, ROWS, |at| row(first + at));
    let files = [("ali_ccp_train.csv", file(0)), ("ali_ccp_val.csv", file(1000)), ("ali_ccp_test.csv", file(2000))];
    imported("ali-ccp", &files, "click conversion ctcvr", "1 2 3");
    let line = |row: usize| {
        let click = draw(row, 0, 2);
        let fields: Vec<String> = (0..79).map(|column| draw(row, column + 1, 9).to_string()).collect();
        format!("{row},{},{click},{}", fields.join(","), click * draw(row, 99, 2))
    };
    let header = (0..82).map(|column| format!("c{column}")).collect::<Vec<_>>().join(",");
    let file = |first: usize| lines(&header, ROWS, |at| line(first + at));
    let files = [
        ("AliExpress_NL/train.csv", file(0)),
        ("AliExpress_NL/test.csv", file(1000)),
        ("AliExpress_US/train.csv", file(2000)),
        ("AliExpress_US/test.csv", file(3000)),
    ];
    imported("aliexpress", &files, "click conversion ctcvr", "AliExpress_NL AliExpress_US");
}

#[test]
fn videos_of_kuairand_and_tenrec() {
    let header = "user_id,video_id,date,hourmin,time_ms,is_click,is_like,is_follow,is_comment,is_forward,is_hate,long_view,play_time_ms,duration_ms,profile_stay_time,comment_stay_time,is_profile_enter,is_rand,tab";
    let log = |first: usize| {
        lines(header, ROWS, |at| {
            let row = first + at;
            let d = |column, below| draw(row, column, below);
            let time = 1_649_400_000_000 + 60_000 * row;
            format!(
                "{},{},20220408,1200,{time},{},{},0,0,0,0,{},{},60000,0,0,0,0,{}",
                d(0, 40),
                d(1, 50),
                d(2, 2),
                d(3, 2),
                d(4, 2),
                d(5, 60_000),
                d(6, 8)
            )
        })
    };
    let features = (0..18).map(|at| format!(",onehot_feat{at}")).collect::<Vec<_>>().concat();
    let users = lines(
        &format!(
            "user_id,user_active_degree,is_lowactive_period,is_live_streamer,is_video_author,follow_user_num,follow_user_num_range,fans_user_num,fans_user_num_range,friend_user_num,friend_user_num_range,register_days,register_days_range{features}"
        ),
        40,
        |at| format!("{at},full_active,0,0,{},5,\"(0,10]\",3,\"[1,10)\",0,0,107,61-90{}", at % 2, ",1".repeat(18)),
    );
    let videos = lines(
        "video_id,author_id,video_type,upload_dt,upload_type,visible_status,video_duration,server_width,server_height,music_id,music_type,tag",
        50,
        |at| {
            format!(
                "{at},{},NORMAL,2022-04-01,ShortImport,public,{}.0,720,1280,{at},9.0,\"{},{}\"",
                at % 9,
                5000 + at,
                at % 5,
                at % 3
            )
        },
    );
    let files = [
        ("log_standard_4_08_to_4_21_1k.csv", log(0)),
        ("log_standard_4_22_to_5_08_1k.csv", log(ROWS)),
        ("log_random_4_22_to_5_08_1k.csv", log(0)),
        ("user_features_1k.csv", users),
        ("video_features_basic_1k.csv", videos),
    ];
    imported("kuairand", &files, "click like long_view play_time", "0 1 2 4 6");
    let hist = (1..=10).map(|at| format!(",hist_{at}")).collect::<Vec<_>>().concat();
    let log = lines(
        &format!("user_id,item_id,click,follow,like,share,video_category,watching_times,gender,age{hist}"),
        ROWS,
        |row| {
            let d = |column, below| draw(row, column, below);
            let history = (0..10).map(|at| format!(",{}", d(20 + at, 30))).collect::<Vec<_>>().concat();
            format!(
                "{},{},{},{},{},{},{},1,{},{}{history}",
                d(0, 40),
                d(1, 30),
                d(2, 2),
                d(3, 2),
                d(4, 2),
                d(5, 2),
                d(6, 2),
                d(7, 3),
                d(8, 8)
            )
        },
    );
    let dataset = imported("tenrec", &[("ctr_data_1M.csv", log)], "click like share follow", "0 1");
    assert_eq!(dataset.schema().vocabularies.len(), 5, "histories share the items' ids");
}

#[test]
fn reviews_of_amazon_and_douban_by_file() {
    let review = |row: usize| {
        let d = |column, below| draw(row, column, below);
        format!(
            "{{\"rating\": {}.0, \"title\": \"Good\", \"text\": \"Works well.\", \"images\": [], \"asin\": \"B0{}\", \"parent_asin\": \"B{}\", \"user_id\": \"A{}\", \"timestamp\": {}, \"helpful_vote\": {}, \"verified_purchase\": {}}}",
            1 + d(0, 5),
            d(1, 30),
            d(1, 30),
            d(2, 40),
            1_588_687_728_923_usize + 86_400_000 * row,
            d(3, 9),
            d(4, 2) == 1
        )
    };
    let files =
        [("Books.jsonl", lines("", ROWS, review)), ("Gift_Cards.jsonl", lines("", ROWS, |row| review(row + 999)))];
    imported("amazon-reviews", &files, "like rating helpful_votes", "Books Gift_Cards");
    let review = |kind: &str, first: usize| {
        lines(
            &format!("\"user_id\"\t\"{kind}_id\"\t\"rating\"\t\"labels\"\t\"comment\"\t\"time\"\t\"ID\""),
            ROWS,
            |at| {
                let d = |column, below| draw(first + at, column, below);
                format!(
                    "\"{}\"\t\"{}\"\t\"{}\"\t\"\"\t\"a\tb\"\t\"2010-11-{:02}\"\t{at}",
                    d(0, 40),
                    d(1, 50),
                    1 + d(2, 5),
                    1 + d(3, 28)
                )
            },
        )
    };
    let files = [
        ("bookreviews_cleaned.txt", review("book", 0)),
        ("musicreviews_cleaned.txt", review("music", 1000)),
        ("moviereviews_cleaned.txt", review("movie", 2000)),
    ];
    imported("douban", &files, "like rating", "book music movie");
}

#[test]
fn news_are_a_row_each() {
    let shown = |row: usize| {
        let one = |at: usize| format!("N{}-{}", draw(row, at, 30), draw(row, 50 + at, 2));
        let history: Vec<String> = (0..row % 4).map(|at| format!("N{}", draw(row, 90 + at, 30))).collect();
        let all: Vec<String> = (0..=row % 3).map(one).collect();
        format!("{row}\tU{}\t11/11/2019 9:05:58 AM\t{}\t{}", draw(row, 99, 40), history.join(" "), all.join(" "))
    };
    let news = |at: usize| {
        format!(
            "N{at}\t{}\tsub{}\tA \"title\" of {at}\tabstract\thttps://x\t[]\t[]",
            ["sports", "finance"][at % 2],
            at % 5
        )
    };
    let files = [("behaviors.tsv", lines("", 300, shown)), ("news.tsv", lines("", 30, news))];
    let dataset = imported("mind", &files, "click", "finance sports");
    assert_eq!(dataset.len(), 600);
}
