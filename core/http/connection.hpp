/// core/http/connection.hpp: one connection on a reactor, from request to request.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "core/http/core.hpp"
#include "core/http/exchange.hpp"
#include "core/http/loop.hpp"

namespace operon::http {

/// A request reaches a worker whole, so that no worker ever waits for a peer; `no_block` routes are answered here. One request at a time.
class Connection : public LoopItem {
 public:
  Connection(Loop&, Core&, base::Fd, Gate::Pass, std::string local_address);
  ~Connection() override;

  int fd() const noexcept override { return transport_.fd(); }
  void on_added() override;
  void on_ready(uint32_t events) override;
  void on_deadline() override;
  void on_again() override { advance(); }
  void close_if_idle();  ///< draining: what waits for a next request goes
  void cut();            ///< hard; one that a worker still holds goes when the worker is done

 private:
  enum class Phase { handshake, head, body, discard, working, closing, gone };
  enum class Step { go_on, wait, stop };  // wait: for bytes; stop: nothing more can be done now

  void advance();
  Step step();
  Step step_head();
  Step begin_request();
  Step admitted(bool go_on);
  Step hand_over_for_review();
  void reviewed();  // back on the loop
  void keep_head();
  void drop_head();
  Step step_body();
  Step step_discard();
  Step fill();
  Step dispatch();
  Step hand_over();  // to a worker
  void work();       // on the worker's thread
  void worked();     // back on the loop
  Step answer();     // `exchange_->response` is made
  Step refuse(int status, const char* message);
  Step start_stream();
  Step after_answer();
  bool flush();  // false: the peer takes nothing now, or is gone
  void begin_close();
  void gone();
  void stash_input();
  void borrow_output();
  void give_back_output();
  void set_phase_deadline();
  bool count_body_bytes();
  void release_exchange();

  Loop& loop_;
  Core& core_;
  Transport transport_;
  Gate::Pass pass_;
  const std::string local_address_;
  Phase phase_;
  HeadParser parser_;
  std::string in_;          // what has arrived and is not used up; empty while idle
  std::string_view input_;  // the same, or the loop's scratch buffer, while advance() runs
  bool input_borrowed_ = false;
  std::string out_;
  size_t out_at_ = 0;
  std::unique_ptr<Exchange> exchange_;
  TimePoint since_;          // when the present phase began
  TimePoint blocked_since_;  // when the peer last took something
  size_t blocked_bytes_ = 0;
  unsigned requests_ = 0;
  bool read_all_ = false;    // the socket had no more when it was last asked
  bool peer_ended_ = false;  // epoll says so; there may be bytes left before it
  bool close_after_ = false, linger_ = false, blocked_ = false, head_begun_ = false;
};

}  // namespace operon::http
