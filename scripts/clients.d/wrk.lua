-- Looks at every answer that wrk gets: status 200, and the content of the file $CONTENT. $DEPTH
-- requests leave at a time, each with $FIELDS fields more than it needs. The last line is read by
-- wrk.sh and load.py.

local threads = {}

function setup(thread)
  table.insert(threads, thread)
end

function init()
  wrong = 0
  local file = io.open(os.getenv("CONTENT"), "rb")
  content = file:read("*a")
  file:close()
  for at = 1, tonumber(os.getenv("FIELDS") or 0) do
    wrk.headers["X-Field-" .. at] = string.rep("x", 40)
  end
  batch = string.rep(wrk.format(), tonumber(os.getenv("DEPTH")))
end

function request()
  return batch
end

function response(status, _, body)
  if status ~= 200 or body ~= content then wrong = wrong + 1 end
end

function done(summary)
  local all = 0
  for _, thread in ipairs(threads) do all = all + thread:get("wrong") end
  local e = summary.errors
  print(string.format("summary %d %d %d %d %d %d %d %d", summary.requests, summary.bytes,
    all, e.connect, e.read, e.write, e.status, e.timeout))
end
