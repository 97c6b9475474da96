-- Sends the requests of a file in turn, and prints what came of it as one line of JSON.
-- Arguments: the file, each request of which follows a line with its length; how many to leave out.
local prepared, at = {}, 0

function init(arguments)
  local file = assert(io.open(arguments[1], "rb"))
  at = tonumber(arguments[2])
  while true do
    local length = file:read("*n")
    if not length then break end
    file:read(1)
    prepared[#prepared + 1] = file:read(length)
  end
  file:close()
end

function request()
  at = at + 1
  return prepared[(at - 1) % #prepared + 1]
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    'RESULT {"requests": %d, "seconds": %.6f, "p50": %.6f, "p99": %.6f, "refused": %d, "broken": %d}\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    errors.status, errors.connect + errors.read + errors.write + errors.timeout))
end
