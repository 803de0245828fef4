#include "load/recorder.h"

#include <sys/resource.h>

#include <algorithm>

#include "common/clock.h"
#include "common/json_line.h"

namespace bench {
namespace {

/// What is in flight when the time is up gets this long to end.
constexpr uint64_t graceNanoseconds = 30 * nanosecondsPerSecond;
constexpr size_t mostFaultsShown = 5;

/// Mean and percentiles; sorts the samples.
std::string summary(std::vector<float>& samples) {
  if (samples.empty()) return "null";
  std::sort(samples.begin(), samples.end());
  auto percentile = [&](double part) { return double(samples[size_t(part * double(samples.size() - 1))]); };
  double sum = 0;
  for (float sample : samples) sum += double(sample);
  JSONLine line;
  line.add("count", uint64_t(samples.size())).add("mean", sum / double(samples.size()));
  line.add("p50", percentile(0.5)).add("p90", percentile(0.9)).add("p99", percentile(0.99));
  line.add("max", double(samples.back()));
  return line.text();
}

std::string counts(const std::map<std::string, uint64_t>& of) {
  JSONLine line;
  size_t shown = 0;
  for (const auto& [name, count] : of) {
    if (shown++ == mostFaultsShown) break;
    line.add(name, count);
  }
  return line.text();
}

double processorSeconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  auto seconds = [](const timeval& time) { return double(time.tv_sec) + double(time.tv_usec) / 1e6; };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

float microseconds(uint64_t from, uint64_t to) { return to > from ? float(to - from) / 1000 : 0; }

}  // namespace

void Recorder::begin() { begun_ = lastFinish_ = nanosecondsNow(); }

bool Recorder::mayStart() const {
  return started_ < options_.requests && double(nanosecondsNow() - begun_) < options_.seconds * 1e9;
}

bool Recorder::gaveUp() const {
  return nanosecondsNow() - begun_ > uint64_t(options_.seconds * 1e9) + graceNanoseconds;
}

uint32_t Recorder::rampedUp() const {
  if (options_.rampMilliseconds == 0) return options_.concurrency;
  double passed = double(nanosecondsNow() - begun_) / double(nanosecondsPerMillisecond);
  double part = std::min(1.0, passed / options_.rampMilliseconds);
  return std::max(1u, uint32_t(part * double(options_.concurrency)));
}

Answer Recorder::started() {
  started_++;
  Answer answer;
  answer.begun = nanosecondsNow();
  return answer;
}

void Recorder::token(const Answer& answer, const Token& token, uint64_t now) {
  tokens_++;
  delays_.push_back(microseconds(token.writtenMicroseconds * 1000, now));
  if (answer.tokens == 0) firstTokens_.push_back(microseconds(answer.begun, now));
  else gaps_.push_back(microseconds(answer.lastToken, now));
}

void Recorder::finished(const Answer& answer, const std::string& fault) {
  lastFinish_ = nanosecondsNow();
  if (!fault.empty()) {
    failed_++;
    faults_[fault]++;
    return;
  }
  succeeded_++;
  latencies_.push_back(microseconds(answer.begun, lastFinish_));
}

bool Recorder::report() {
  if (inFlight() > 0) faults_["not answered in time"] += inFlight();
  uint64_t errors = failed_ + inFlight();
  double seconds = double(lastFinish_ - begun_) / 1e9;
  auto rate = [&](uint64_t count) { return seconds > 0 ? double(count) / seconds : 0; };
  JSONLine line;
  line.add("requests", succeeded_).add("errors", errors).addJSON("faults", counts(faults_));
  line.add("seconds", seconds).add("requests_per_second", rate(succeeded_));
  line.add("tokens", tokens_).add("tokens_per_second", rate(tokens_));
  line.addJSON("latency_us", summary(latencies_));
  if (options_.isStream()) {
    line.addJSON("first_token_us", summary(firstTokens_));
    line.addJSON("token_gap_us", summary(gaps_));
    line.addJSON("token_delay_us", summary(delays_));
  }
  if (options_.stuck > 0) line.addJSON("stuck", counts(stuckStatuses_));
  line.add("client_cpu_seconds", processorSeconds());
  line.print();
  return errors == 0 && succeeded_ > 0;
}

}  // namespace bench
