// How a batch and an outbox lie in memory: the same numbers as lib/binding/records.ts, which says
// what they mean. layout.cc exports these, so that the TypeScript side can refuse a binary that was
// built from other ones.
#pragma once

#include <cstdint>

namespace pollport {

constexpr int32_t kRecordStride = 6;

constexpr int32_t kKindAccepted = 1;
constexpr int32_t kKindAcceptFailed = 2;
constexpr int32_t kKindConnected = 3;
constexpr int32_t kKindReceived = 4;
constexpr int32_t kKindEnded = 5;
constexpr int32_t kKindFailed = 6;
constexpr int32_t kKindWritable = 7;
constexpr int32_t kKindDatagram = 8;
constexpr int32_t kKindDatagramFailed = 9;
constexpr int32_t kKindSendShort = 10;
constexpr int32_t kKindSendFailed = 11;
constexpr int32_t kKindWoken = 12;

constexpr int32_t kWatchListener = 1;
constexpr int32_t kWatchConnecting = 2;
constexpr int32_t kWatchConnection = 3;
constexpr int32_t kWatchDatagram = 4;
constexpr int32_t kWatchDatagramReportingErrors = 5;
constexpr int32_t kWatchAccepted = 6;

constexpr int32_t kReleaseDetach = 0;
constexpr int32_t kReleaseClose = 1;
constexpr int32_t kReleaseReset = 2;
constexpr int32_t kReleaseFinish = 3;

constexpr int32_t kBatchCallsNever = 0;
constexpr int32_t kBatchCallsAuto = 1;
constexpr int32_t kBatchCallsAlways = 2;

constexpr int32_t kOutboxStride = 5;
constexpr int32_t kSendSkip = -1;
constexpr int32_t kSendChained = -2;

}  // namespace pollport
