// What the board keeps: teams, posts and comments, beside the accounts in `users`.

const id = { name: "id", type: "text", system: true, primaryKey: true, required: true, min: 15, max: 15, pattern: "^[a-z0-9]+$", autogeneratePattern: "[a-z0-9]{15}" };
const times = [
  { name: "created", type: "autodate", onCreate: true, onUpdate: false },
  { name: "updated", type: "autodate", onCreate: true, onUpdate: true },
];

const signedIn = "@request.auth.id != ''";
const own = "author = @request.auth.id";

export const teams = {
  name: "teams",
  type: "base",
  listRule: "",
  viewRule: "",
  createRule: signedIn,
  updateRule: null,
  deleteRule: null,
  fields: [id, { name: "name", type: "text", required: true, max: 60 }, { name: "place", type: "geoPoint" }, ...times],
  indexes: ["CREATE UNIQUE INDEX idx_teams_name ON teams (name)"],
};

export const posts = (teamsId, usersId) => ({
  name: "posts",
  type: "base",
  listRule: `status = 'open' || ${own}`,
  viewRule: `status = 'open' || ${own}`,
  createRule: `${signedIn} && @request.body.author = @request.auth.id`,
  updateRule: `${own} && @request.body.author:changed = false`,
  deleteRule: own,
  fields: [
    id,
    { name: "title", type: "text", required: true, min: 2, max: 120, presentable: true },
    { name: "slug", type: "text", pattern: "^[a-z0-9-]*$", autogeneratePattern: "post-[a-z0-9]{8}" },
    { name: "body", type: "editor" },
    { name: "team", type: "relation", collectionId: teamsId, maxSelect: 1, required: true, cascadeDelete: true },
    { name: "author", type: "relation", collectionId: usersId, maxSelect: 1, required: true },
    { name: "readers", type: "relation", collectionId: usersId, maxSelect: 10 },
    { name: "photos", type: "file", maxSelect: 5, maxSize: 200000, mimeTypes: ["image/png", "text/plain"], thumbs: ["32x32", "20x0"] },
    { name: "contract", type: "file", maxSelect: 1, protected: true },
    { name: "status", type: "select", values: ["draft", "open", "closed"], maxSelect: 1, required: true },
    { name: "tags", type: "select", values: ["notice", "home", "fun", "ops"], maxSelect: 4 },
    { name: "votes", type: "number", min: -100, max: 1000 },
    { name: "seats", type: "number", onlyInt: true },
    { name: "pinned", type: "bool" },
    { name: "due", type: "date" },
    { name: "extra", type: "json", maxSize: 2000 },
    { name: "contact", type: "email" },
    { name: "link", type: "url" },
    { name: "place", type: "geoPoint" },
    { name: "note", type: "text", hidden: true },
    ...times,
  ],
  indexes: [
    "CREATE UNIQUE INDEX idx_posts_slug ON posts (slug) WHERE slug != ''",
    "CREATE INDEX idx_posts_team ON posts (team, created DESC)",
  ],
});

export const comments = (postsId, usersId) => ({
  name: "comments",
  type: "base",
  listRule: signedIn,
  viewRule: signedIn,
  createRule: `${signedIn} && @request.body.author = @request.auth.id`,
  updateRule: own,
  deleteRule: `${own} || post.author = @request.auth.id`,
  fields: [
    id,
    { name: "post", type: "relation", collectionId: postsId, maxSelect: 1, required: true, cascadeDelete: true },
    { name: "author", type: "relation", collectionId: usersId, maxSelect: 1 },
    { name: "text", type: "text", required: true, max: 500 },
    { name: "stars", type: "number" },
    ...times,
  ],
});

/** What only superusers may touch. */
export const locked = {
  name: "locked",
  type: "base",
  fields: [id, { name: "text", type: "text" }],
};
