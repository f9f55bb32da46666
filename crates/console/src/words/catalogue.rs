//! The catalogue: texts without numbers or names in them. English first, then Korean, one text a line.

/// Makes the struct of all texts and its two languages: a line without both does not compile.
macro_rules! catalogue {
    ($($name:ident: $en:literal, $ko:literal;)*) => {
        /// All plain texts in one language.
        pub(crate) struct Words {
            $(pub(crate) $name: &'static str,)*
        }

        pub(super) static EN: Words = Words { $($name: $en,)* };
        pub(super) static KO: Words = Words { $($name: $ko,)* };

        #[cfg(test)]
        pub(super) const ALL: &[(&str, &str, &str)] = &[$((stringify!($name), $en, $ko),)*];
    };
}

catalogue! {
    // the frame
    brand: "Ondol", "온돌";
    skip: "Skip to content", "본문으로 건너뛰기";
    menu: "Menu", "메뉴";
    collections: "Collections", "컬렉션";
    system: "System", "시스템";
    language: "Language", "언어";
    theme: "Theme", "화면";
    theme_auto: "Auto", "자동";
    theme_light: "Light", "밝게";
    theme_dark: "Dark", "어둡게";
    sign_out: "Sign out", "로그아웃";
    cancel: "Cancel", "취소";
    save: "Save", "저장";
    delete: "Delete", "삭제";
    // the balancers in front
    balancers: "Balancers", "로드 밸런서";
    balancer_unseen: "How it is can't be told at the moment.", "지금은 상태를 알 수 없어요.";
    web_server: "Web server", "웹 서버";
    state: "State", "상태";
    state_up: "up", "정상";
    state_doubted: "doubted", "의심";
    state_out: "out", "빠짐";
    state_drained: "drained", "비움";
    in_hand: "In hand", "처리 중";
    streams: "Streams", "스트림";
    answers: "Answers", "응답";
    failed_tries: "Failed", "실패";
    retries: "Retried", "재시도";
    p50: "Half within", "절반까지";
    p99: "99 % within", "99 %까지";
    // several hosts
    continuity: "Continuity", "연속성";
    continuity_unseen: "How the hosts are can't be told at the moment.", "지금은 서버들의 상태를 알 수 없어요.";
    alarms: "To be looked after", "살펴볼 것";
    site: "Site", "사이트";
    host: "Host", "서버";
    host_roles: "For", "역할";
    host_database: "Database", "데이터베이스";
    host_behind: "Behind", "뒤처짐";
    mirrors: "Mirrors", "미러";
    mirror: "Mirror", "미러";
    place: "Where", "위치";
    mirror_as_of: "As of", "기준 시각";
    takeovers: "Last takeovers", "최근 이어받기";
    epoch: "Epoch", "임기";
    began: "Began", "시작";
    why: "Why", "이유";
    // signing in
    sign_in: "Sign in", "로그인";
    sign_in_lead: "For those who look after this service.", "서비스를 돌보는 분들을 위한 곳이에요.";
    providers: "Services to sign in through", "로그인 서비스";
    providers_lead: "Each can be tried: you see what goes to and fro, and nobody is signed in. You sign in there once more.", "하나씩 시험해 볼 수 있어요. 오간 것만 보여 주고 아무도 로그인되지 않아요. 거기서 한 번 더 로그인해 주세요.";
    try_it: "Try", "시험하기";
    email: "E-mail", "이메일";
    password: "Password", "비밀번호";
    password_again: "Password again", "비밀번호 확인";
    wrong_sign_in: "That e-mail and password don't fit together.", "이메일이나 비밀번호가 맞지 않아요.";
    busy: "Too many tries at once. Please wait a moment.", "시도가 너무 많아요. 잠시 뒤에 다시 해 주세요.";
    signed_out: "You have signed out.", "로그아웃했어요.";
    nobody_yet: "There is no superuser yet. Make the first one on the server:", "아직 관리자가 없어요. 서버에서 첫 관리자를 만들어 주세요.";
    second: "One more step", "한 단계 더";
    second_lead: "A code is on its way to your address.", "이메일로 코드를 보냈어요.";
    second_lead_totp: "Give a code of your authenticator, or a recovery code.", "인증 앱의 코드나 복구 코드를 입력해 주세요.";
    code: "Code", "코드";
    second_wrong: "That code isn't right, or its time is over.", "코드가 맞지 않거나 기한이 지났어요.";
    second_again: "Begin anew", "처음부터 다시";
    second_not_offered: "Two ways to sign in are asked for, and no code can be mailed: the service needs a mail server, and superusers need codes switched on.", "두 가지 로그인 방법이 필요한데 코드를 메일로 보낼 수 없어요. 메일 서버를 설정하고, 관리자의 메일 코드를 켜야 해요.";
    // first run
    first_run: "Welcome", "반갑습니다";
    first_run_lead: "Make the first superuser. They may do everything here.", "첫 관리자를 만들어 주세요. 관리자는 이곳의 모든 일을 할 수 있어요.";
    first_run_make: "Begin", "시작하기";
    first_run_done: "This service already has a superuser.", "이미 관리자가 있어요.";
    first_run_done_lead: "The link worked once and has done its job. Please sign in.", "이 링크는 한 번만 쓸 수 있고, 이미 할 일을 마쳤어요. 로그인해 주세요.";
    first_run_wrong: "This link doesn't fit.", "링크가 맞지 않아요.";
    first_run_wrong_lead: "Take the newest link that the service printed when it started.", "서비스가 시작하면서 보여 준 가장 새로운 링크를 써 주세요.";
    // mailed links
    verify: "Confirm your address", "주소 확인";
    verify_lead: "Is this address yours? Then press the button.", "이 주소가 본인의 것이라면 단추를 눌러 주세요.";
    verify_do: "Yes, it is mine", "네, 제 주소예요";
    verify_done: "Your address is confirmed.", "주소를 확인했어요.";
    reset: "A new password", "새 비밀번호";
    reset_lead: "Choose a new password. You will be signed out everywhere.", "새 비밀번호를 정해 주세요. 모든 곳에서 로그아웃돼요.";
    reset_do: "Set the password", "비밀번호 바꾸기";
    reset_done: "Your new password is set. You can sign in with it now.", "비밀번호를 바꿨어요. 이제 새 비밀번호로 로그인해 주세요.";
    change: "Your new address", "새 주소";
    change_lead: "Give your password to use this address. You will be signed out everywhere.", "이 주소를 쓰려면 비밀번호를 입력해 주세요. 모든 곳에서 로그아웃돼요.";
    change_do: "Use this address", "이 주소 쓰기";
    change_done: "Your address is changed. Please sign in again.", "주소를 바꿨어요. 다시 로그인해 주세요.";
    undo: "Take your address back", "주소 되찾기";
    undo_lead: "Your account gets this address again. Its password becomes void, everybody is signed out, and passkeys, authenticators and links that were added since go. A mail then lets you set a new password.", "계정이 다시 이 주소를 씁니다. 비밀번호는 무효가 되고, 모든 곳에서 로그아웃되며, 그 뒤에 추가된 패스키와 인증 앱, 연결은 지워져요. 이어서 새 비밀번호를 정하는 메일이 갑니다.";
    undo_do: "Take it back", "되찾기";
    undo_done: "Your account has its address again. Look for a mail to set a new password.", "계정 주소를 되찾았어요. 새 비밀번호를 정하는 메일을 확인해 주세요.";
    link_over: "This link is no longer good.", "이 링크는 더 쓸 수 없어요.";
    link_over_lead: "It was used, or its time is over. Ask for a new mail where you asked for this one.", "이미 썼거나 기한이 지났어요. 메일을 요청한 곳에서 다시 요청해 주세요.";
    to_service: "To the service", "서비스로 가기";
    // collections
    new_collection: "New collection", "새 컬렉션";
    no_collections: "Nothing here yet", "아직 아무것도 없어요";
    no_collections_lead: "A collection holds records of one sort: articles, members, bills.", "컬렉션에는 한 가지 종류의 레코드가 담겨요. 글, 회원, 법안처럼요.";
    name: "Name", "이름";
    kind: "Kind", "종류";
    kind_base: "Records", "일반";
    kind_auth: "Accounts", "계정";
    kind_base_lead: "Plain records: articles, photos, orders.", "글, 사진, 주문 같은 보통 레코드예요.";
    kind_auth_lead: "Records that can sign in, with e-mail and password.", "이메일과 비밀번호로 로그인할 수 있는 레코드예요.";
    records: "Records", "레코드";
    who_reads: "Who may list", "목록 보기";
    updated: "Updated", "수정";
    created: "Created", "생성";
    reads_all: "everybody", "누구나";
    reads_some: "by rule", "규칙에 따라";
    reads_none: "superusers", "관리자만";
    name_hint: "Letters, digits and _ ; it becomes part of the API's address.", "영문자, 숫자, 밑줄(_)로 지어 주세요. API 주소에 쓰여요.";
    make_collection: "Make collection", "컬렉션 만들기";
    more_later: "Fields, indexes and rules can change at any time, without touching the records.", "필드, 인덱스, 규칙은 언제든 바꿀 수 있고 레코드는 그대로예요.";
    // tabs of a collection
    tab_records: "Records", "레코드";
    tab_fields: "Fields", "필드";
    tab_indexes: "Indexes", "인덱스";
    tab_rules: "Rules", "규칙";
    tab_api: "API", "API";
    tab_settings: "Settings", "설정";
    // grid
    new_record: "New record", "새 레코드";
    filter: "Filter", "필터";
    filter_hint: "Words to find, or a filter: created > \"2026-01-01\" && title ~ \"온돌\"", "찾을 낱말이나 필터: created > \"2026-01-01\" && title ~ \"온돌\"";
    find: "Find", "찾기";
    clear: "Clear", "지우기";
    filter_wrong: "The filter can't be read:", "필터를 읽지 못했어요:";
    no_records: "No records yet", "아직 레코드가 없어요";
    no_records_lead: "Make the first one here, or send it through the API.", "여기서 하나 만들거나 API로 보내 보세요.";
    none_found: "Nothing fits", "맞는 레코드가 없어요";
    none_found_lead: "Try other words, or clear the filter.", "다른 낱말로 찾거나 필터를 지워 보세요.";
    export: "Export (JSON lines)", "내보내기 (JSON Lines)";
    no_fields: "First add the fields that a record has.", "먼저 레코드에 담을 필드를 더해 주세요.";
    columns: "Columns", "열 고르기";
    columns_apply: "Apply", "적용";
    select_all: "Select all on this page", "이 쪽 모두 선택";
    select_row: "Select", "선택";
    delete_selected: "Delete selected", "선택한 레코드 삭제";
    previous: "Previous", "이전";
    next: "Next", "다음";
    yes: "yes", "예";
    no: "no", "아니요";
    empty: "empty", "비어 있음";
    gone_related: "not there", "없음";
    // record form
    record_id: "ID", "ID";
    id_auto: "Left empty, one is made.", "비워 두면 자동으로 만들어져요.";
    required: "required", "필수";
    hidden: "hidden", "숨김";
    utc: "UTC", "UTC";
    choose: "Choose…", "골라 주세요";
    nothing: "(none)", "(없음)";
    remove: "Remove", "빼기";
    add_file: "Add a file", "파일 올리기";
    replace_file: "Choose another file", "다른 파일로 바꾸기";
    search_records: "Search records", "레코드 검색";
    no_results: "Nothing found", "찾은 것이 없어요";
    longitude: "Longitude", "경도";
    latitude: "Latitude", "위도";
    password_keep: "Leave empty to keep the present one.", "비워 두면 지금 비밀번호가 그대로예요.";
    json_wrong: "This is not JSON.", "JSON 형식이 아니에요.";
    see_form: "Some fields need another look.", "다시 살펴볼 필드가 있어요.";
    changed_meanwhile: "Somebody else has changed this record meanwhile. Save again to keep yours.", "그사이 다른 사람이 이 레코드를 고쳤어요. 한 번 더 저장하면 지금 내용으로 바뀌어요.";
    files_again: "Please choose the files again.", "파일은 다시 골라 주세요.";
    // deleting
    delete_lead: "This can't be undone. Records that depend on it go too.", "되돌릴 수 없어요. 여기에 딸린 레코드도 함께 삭제돼요.";
    delete_now: "Delete", "삭제하기";
    last_superuser: "Somebody must remain who can sign in here: the last superuser stays.", "여기에 로그인할 사람이 남아야 해요. 마지막 관리자는 삭제할 수 없어요.";
    // saying what happened
    said_saved: "Saved.", "저장했어요.";
    said_made: "Made.", "만들었어요.";
    said_deleted: "Deleted.", "삭제했어요.";
    said_emptied: "All records are gone.", "레코드를 모두 비웠어요.";
    // fields
    fields_lead: "Adding, renaming or removing a field touches no record and takes no time.", "필드를 더하거나 이름을 바꾸거나 빼도 레코드는 그대로이고 바로 끝나요.";
    add_field: "Add a field", "필드 더하기";
    add: "Add", "더하기";
    field_name: "Field name", "필드 이름";
    move_up: "Move up", "위로";
    move_down: "Move down", "아래로";
    removed_on_save: "Removed on saving", "저장하면 빠져요";
    keep_field: "Keep it", "되살리기";
    unnamed: "unnamed", "이름 없음";
    field_help: "Help for those who fill it in", "채우는 사람에게 보일 도움말";
    is_required: "Must not be empty", "비워 둘 수 없음";
    is_hidden: "Hidden from everybody but superusers", "관리자에게만 보임";
    is_presentable: "Names the record in pickers", "고를 때 레코드 이름으로 쓰기";
    fields_save: "Save fields", "필드 저장";
    not_saved_yet: "Not saved yet", "아직 저장하지 않았어요";
    // options of fields
    option_min_length: "Fewest characters", "최소 글자 수";
    option_max_length: "Most characters", "최대 글자 수";
    option_pattern: "Must fit the expression", "맞아야 하는 정규식";
    option_autogenerate: "Made from the pattern when absent", "값이 없으면 이 패턴으로 만들기";
    option_max_bytes: "Most bytes", "최대 바이트";
    option_min: "Smallest", "최솟값";
    option_max: "Largest", "최댓값";
    option_whole: "Whole numbers only", "정수만";
    option_only_domains: "Only these domains", "이 도메인만";
    option_except_domains: "Not these domains", "이 도메인 제외";
    option_values: "Values, one a line", "고를 값 (한 줄에 하나)";
    option_max_select: "Most values", "최대 개수";
    option_min_select: "Fewest values", "최소 개수";
    option_mime_types: "Accepted media types, one a line", "받을 파일 종류 (한 줄에 하나)";
    option_thumbs: "Small pictures, one size a line (100x100)", "작은 그림 크기 (한 줄에 하나, 예: 100x100)";
    option_protected: "Only with a token and the view rule", "토큰과 보기 규칙이 있어야 열림";
    option_collection: "Records of", "연결할 컬렉션";
    option_cascade: "Delete with the other record", "상대 레코드가 삭제되면 함께 삭제";
    option_earliest: "Not before", "가장 이른 때";
    option_latest: "Not after", "가장 늦은 때";
    option_on_create: "Set when made", "만들 때 기록";
    option_on_update: "Set when changed", "고칠 때 기록";
    option_convert_urls: "Keep addresses as they are", "주소를 그대로 두기";
    option_default: "empty: the default", "비워 두면 기본값";
    // indexes
    index_up_to: "Several fields sort and find together, from the left.", "여러 필드는 왼쪽부터 차례로 정렬하고 찾아요.";
    indexes_lead: "An index makes filters and sorts fast, or keeps values unique. It is made while the service goes on.", "인덱스는 필터와 정렬을 빠르게 하고 값이 겹치지 않게 해요. 서비스가 도는 동안 만들어져요.";
    index_unique: "Unique", "고유";
    index_descending: "Descending", "내림차순";
    index_ignores_case: "Ignores case", "대소문자 구분 안 함";
    index_condition: "Only where", "조건";
    index_add: "Make an index", "인덱스 만들기";
    index_make: "Make", "만들기";
    index_drop: "Drop", "없애기";
    no_indexes: "No indexes yet.", "아직 인덱스가 없어요.";
    index_first: "First field", "첫째 필드";
    index_then: "then", "다음";
    // rules
    rules_lead: "Who may do what, in the filter language. An empty rule lets everybody through.", "누가 무엇을 할 수 있는지 필터 언어로 정해요. 규칙을 비워 두면 누구나 할 수 있어요.";
    rule_locked: "Superusers only", "관리자만";
    rule_list: "List and search", "목록과 검색";
    rule_list_lead: "Which records are listed.", "목록에 보일 레코드예요.";
    rule_view: "View", "보기";
    rule_view_lead: "Which single record may be seen.", "하나씩 볼 수 있는 레코드예요.";
    rule_create: "Create", "만들기";
    rule_create_lead: "Which new records are taken.", "새로 받아들일 레코드예요.";
    rule_update: "Update", "고치기";
    rule_update_lead: "Which records may be changed.", "고칠 수 있는 레코드예요.";
    rule_delete: "Delete", "삭제";
    rule_delete_lead: "Which records may be deleted.", "삭제할 수 있는 레코드예요.";
    rule_auth: "Sign in", "로그인";
    rule_auth_lead: "Which accounts may sign in.", "로그인할 수 있는 계정이에요.";
    rule_manage: "Manage", "관리";
    rule_manage_lead: "Who may change the e-mail and password of others.", "다른 계정의 이메일과 비밀번호를 바꿀 수 있는 사람이에요.";
    rule_everybody: "empty: everybody", "비워 두면 누구나";
    rules_names: "Names you can use", "쓸 수 있는 이름";
    rule_example_signed_in: "whoever has signed in", "로그인한 사람";
    rule_example_own: "only one's own", "자기 것만";
    rules_save: "Save rules", "규칙 저장";
    // API preview
    api_lead: "Ready to paste, with the fields of this collection.", "이 컬렉션의 필드로 만든 예예요. 그대로 붙여 넣어 보세요.";
    api_setup: "Set up", "준비";
    api_list: "List and search", "목록과 검색";
    api_view: "View one", "하나 보기";
    api_create: "Create", "만들기";
    api_update: "Update", "고치기";
    api_delete: "Delete", "삭제";
    api_realtime: "Follow changes", "바뀌는 대로 받기";
    api_sign_in: "Sign in", "로그인";
    api_files: "Addresses of files", "파일 주소";
    api_who: "Who may:", "누가:";
    api_javascript: "JavaScript", "JavaScript";
    api_curl: "curl", "curl";
    // settings of a collection
    settings_name: "Name", "이름";
    rename: "Rename", "이름 바꾸기";
    rename_lead: "The API's addresses change with the name; records stay as they are.", "이름을 바꾸면 API 주소도 바뀌어요. 레코드는 그대로예요.";
    settings_auth: "Signing in", "로그인 설정";
    auth_password: "Sign-in by password", "비밀번호로 로그인";
    auth_identity: "Fields that name an account", "계정을 찾을 때 쓰는 필드";
    auth_token_seconds: "A sign-in lasts (seconds)", "로그인 유지 시간(초)";
    auth_identity_hint: "Each needs a unique index.", "필드마다 고유 인덱스가 있어야 해요.";
    empty_collection: "Delete all records", "모든 레코드 삭제";
    empty_lead: "The collection stays, its records and files go.", "컬렉션은 남고 레코드와 파일만 사라져요.";
    drop_collection: "Delete the collection", "컬렉션 삭제";
    drop_lead: "Fields, rules, records and files: all of it goes.", "필드, 규칙, 레코드, 파일까지 모두 사라져요.";
    type_name: "Type the collection's name to confirm", "확인을 위해 컬렉션 이름을 적어 주세요";
    type_wrong: "That is not the name.", "이름이 달라요.";
    danger: "No way back", "되돌릴 수 없는 일";
    system_collection: "The program needs this collection: it can't be renamed or deleted.", "프로그램에 필요한 컬렉션이라 이름을 바꾸거나 삭제할 수 없어요.";
    // keys
    keys_title: "Keys", "단축키";
    key_move: "Next and previous row", "다음 줄, 이전 줄";
    key_open: "Open the row", "줄 열기";
    key_select: "Select the row", "줄 선택";
    key_filter: "Go to the filter", "필터로 가기";
    key_new: "New", "새로 만들기";
    key_save: "Save", "저장";
    key_help: "Show these keys", "단축키 보기";
    close: "Close", "닫기";
    // what goes wrong
    wrong_title: "That did not work", "처리하지 못했어요";
    missing_title: "Not here", "찾을 수 없어요";
    missing_lead: "It was deleted or renamed, or the address has a slip in it.", "삭제되었거나 이름이 바뀌었거나, 주소가 조금 다를 수 있어요.";
    forbidden_lead: "This was not sent from one of our own pages. Please open the page again and retry.", "이 콘솔의 페이지에서 보낸 요청이 아니에요. 페이지를 다시 열고 해 주세요.";
    too_large_lead: "That is larger than we take.", "받을 수 있는 크기를 넘었어요.";
    internal_lead: "Something failed on our side. The log says more.", "서버에서 문제가 생겼어요. 자세한 내용은 로그에 있어요.";
    unavailable_lead: "The service can't answer just now. Please try again soon.", "지금은 응답할 수 없어요. 잠시 뒤에 다시 해 주세요.";
    to_collections: "To the collections", "컬렉션으로";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_has_words_in_both_languages() {
        let is_hangul = |c: char| ('가'..='힣').contains(&c);
        let same_in_both = ["utc", "tab_api", "record_id", "api_javascript", "api_curl"];
        for (name, en, ko) in ALL {
            assert!(!en.trim().is_empty() && !ko.trim().is_empty(), "{name} is empty");
            assert!(same_in_both.contains(name) || ko.chars().any(is_hangul), "{name} is not Korean: {ko}");
            assert!(name.ends_with("_hint") || !en.chars().any(is_hangul), "{name} is not English: {en}");
        }
    }
}
