-- The load, for wrk. MODE is get, hot (a get of one of 500 records), list, create or update; RECORDS is how many were seeded; ROOMS over how many rooms.
-- Record n has the id "post" and n in eleven digits, so that no list of ids is needed here.
local mode = os.getenv("MODE")
local records, rooms = tonumber(os.getenv("RECORDS")), tonumber(os.getenv("ROOMS"))
local path = "/api/collections/posts/records"
local headers = { ["Content-Type"] = "application/json" }
local text = string.rep("lorem ipsum dolor sit amet ", 8)

local function one(of) return string.format("%s/post%011d", path, math.random(of) - 1) end

local make = {
  get = function() return wrk.format("GET", one(records), headers) end,
  hot = function() return wrk.format("GET", one(math.min(500, records)), headers) end,
  list = function()
    local query = string.format("?page=1&perPage=20&sort=-created&filter=(room=%d)", math.random(rooms) - 1)
    return wrk.format("GET", path .. query, headers)
  end,
  create = function()
    local form = '{"title":"Post number %d about something","body":"%s","room":%d,"views":%d}'
    local body = form:format(math.random(1000000), text, math.random(rooms) - 1, math.random(1000))
    return wrk.format("POST", path, headers, body)
  end,
  update = function()
    return wrk.format("PATCH", one(records), headers, string.format('{"views":%d}', math.random(1000000)))
  end,
}

function init() math.randomseed(os.time()) end

request = make[mode]

local told = false
function response(status, _, body)
  if status >= 300 and not told then
    told = true
    io.stderr:write(string.format("first bad answer: %d %s\n", status, body:sub(1, 200)))
  end
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '{"requests":%d,"seconds":%.6f,"p50_us":%d,"p99_us":%d,"bad":%d}\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50), latency:percentile(99),
    errors.status + errors.connect + errors.read + errors.write + errors.timeout))
end
