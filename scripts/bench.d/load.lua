-- What wrk sends: the paths of $PATHS in turn, $DEPTH requests at a time. With $MARK it says each
-- time that so many have left; its last line is the sum of the run, for load.py to read.

local depth = tonumber(os.getenv("DEPTH"))
local mark = tonumber(os.getenv("MARK"))
local paths = {}
for path in string.gmatch(os.getenv("PATHS"), "[^,]+") do table.insert(paths, path) end

-- A script without `request` costs wrk nothing for each request, so there is one only where it must
-- be.
if depth > 1 or #paths > 1 then
  local requests, at = {}, 0
  function init()
    for i, path in ipairs(paths) do requests[i] = string.rep(wrk.format("GET", path), depth) end
  end
  function request()
    at = at % #requests + 1
    return requests[at]
  end
elseif mark then
  local one, count = nil, 0
  function init() one = wrk.format("GET", paths[1]) end
  function request()
    count = count + 1
    if count % mark == 0 then io.write("sent ", count, "\n"); io.flush() end
    return one
  end
end

function done(summary, latency)
  local e = summary.errors
  io.write(string.format("summary %d %d %d %d %d %d %d %d %d %d %d\n", summary.requests,
    summary.bytes, summary.duration, e.connect, e.read, e.write, e.status, e.timeout,
    latency:percentile(50), latency:percentile(99), latency:percentile(99.9)))
end
