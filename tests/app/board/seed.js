// The posts that the filters are asked of: five, each different in every field.

export const SEOUL = { lon: 126.978, lat: 37.5665 };
export const BUSAN = { lon: 129.0756, lat: 35.1796 };
export const PORTLAND = { lon: -122.6765, lat: 45.5231 };

/** Short names for the posts, as the checks call them. */
export const TITLES = {
  floor: "온돌 바닥 점검",
  dinner: "주말 회식",
  move: "Server moves to Oregon",
  sale: "100% 할인_행사",
  lower: "lower CASE Title",
};

export const posts = (minji, junho, teams) => [
  {
    title: TITLES.floor, slug: "floor", status: "open", tags: ["notice", "home"], votes: 5, seats: 3, pinned: true,
    due: "2020-01-10 10:00:00.000Z", extra: { floor: 2, names: ["가람", "나래"], rooms: [{ warm: 1 }, { warm: 22 }] },
    place: SEOUL, team: teams["난방팀"], author: minji, readers: [minji, junho], contact: "floor@example.com",
    body: "<p>이번 주 <b>토요일</b>에 바닥을 &amp; 방을 점검합니다.</p>", link: "https://example.com/floor", note: "비밀",
  },
  {
    title: TITLES.dinner, slug: "dinner", status: "open", tags: ["fun"], votes: 0, seats: 8, pinned: false, due: "",
    extra: null, place: BUSAN, team: teams["난방팀"], author: junho, readers: [junho], body: "",
  },
  {
    title: TITLES.move, slug: "move", status: "closed", tags: ["notice", "ops"], votes: -3, pinned: false,
    due: "2020-02-20 23:30:00.000Z", extra: [1, 2, 3], place: PORTLAND, team: teams["Ops"], author: junho, readers: [],
    body: "<p>We move.</p>",
  },
  {
    title: TITLES.sale, slug: "sale", status: "draft", tags: [], votes: 10, pinned: true, due: "2199-12-31 00:00:00.000Z",
    extra: "text", team: teams["Ops"], author: minji, readers: [minji],
  },
  {
    title: TITLES.lower, slug: "", status: "open", tags: ["ops", "fun", "home"], votes: 2.5, seats: 1, pinned: false,
    due: "2021-06-01", extra: 42, place: { lon: 0, lat: 0 }, team: teams["Ops"], author: minji, readers: [],
  },
];

/** Comments by post's short name: [author, text, stars]. */
export const comments = {
  floor: [["minji", "첫 번째", 1], ["junho", "두 번째", 5]],
  dinner: [["minji", "갈게요", 4]],
  lower: [["junho", "ok", 5], ["junho", "really", 5]],
};
