#include "sentencepiece_shim.h"

#include <sentencepiece_processor.h>
#include <sentencepiece_trainer.h>

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <iostream>
#include <mutex>
#include <new>
#include <sstream>
#include <streambuf>
#include <string>
#include <system_error>
#include <thread>
#include <unordered_map>
#include <vector>

struct spm_processor {
    sentencepiece::SentencePieceProcessor impl;
    int32_t mask = -1;
    std::vector<bool> symbols; /* by id; empty: none */
};

namespace {

using ImmutableText = sentencepiece::ImmutableSentencePieceText;

/* The symbols among the pieces of a text, in their order. */
std::vector<int> symbols_of(const spm_processor *p, const ImmutableText &text) {
    std::vector<int> found;
    if (p->symbols.empty()) return found;
    for (const auto &piece : text.pieces())
        if (p->symbols.at(piece.id())) found.push_back(static_cast<int>(piece.id()));
    return found;
}

/* NULL without memory. Takes no std::string, whose making might throw where it is caught. */
char *copy(const char *bytes, size_t n) noexcept {
    char *block = static_cast<char *>(std::malloc(n + 1));
    if (block) {
        std::memcpy(block, bytes, n);
        block[n] = '\0';
    }
    return block;
}
char *copy(const char *text) noexcept {
    return copy(text, std::strlen(text));
}

/* Runs `body`, which returns a Status, and turns whatever goes wrong into a message. */
template <typename Body> int guarded(char **error, Body body) noexcept {
    *error = nullptr;
    try {
        const sentencepiece::util::Status status = body();
        if (status.ok()) return 0;
        *error = copy(status.error_message());
    } catch (const std::bad_alloc &) {
        *error = copy("out of memory");
    } catch (const std::system_error &) { /* the library's own are of starting threads */
        *error = copy("out of memory, or of threads");
    } catch (const std::exception &e) {
        *error = copy(e.what());
    } catch (...) {
        *error = copy("unknown failure");
    }
    return 1;
}

/* The result of `body`, or `otherwise` if it fails. */
template <typename Value, typename Body> Value value_or(Value otherwise, Body body) noexcept {
    try {
        return body();
    } catch (...) {
        return otherwise;
    }
}

void (*on_no_memory)(void);

/* The end of a SentencePiece thread that throws. */
[[noreturn]] void terminate_thread() noexcept {
    try {
        if (std::current_exception()) throw;
    } catch (const std::bad_alloc &) {
        on_no_memory();
    } catch (...) {
    }
    std::abort();
}

/* Text that the trainer writes to std::cerr before it ends the process, from any of its threads. */
class LastWords : public std::streambuf {
  public:
    /* Up to the first line's end. */
    const char *line() {
        const std::lock_guard<std::mutex> guard(lock_);
        text_[n_] = '\0';
        text_[std::strcspn(text_, "\n")] = '\0';
        return text_;
    }
    void clear() {
        const std::lock_guard<std::mutex> guard(lock_);
        n_ = 0;
    }

  protected:
    int_type overflow(int_type c) override {
        const char one = traits_type::to_char_type(c);
        xsputn(&one, 1);
        return traits_type::not_eof(c);
    }
    std::streamsize xsputn(const char *bytes, std::streamsize n) override {
        const std::lock_guard<std::mutex> guard(lock_);
        for (std::streamsize i = 0; i < n && n_ + 1 < sizeof text_; i++) text_[n_++] = bytes[i];
        return n;
    }

  private:
    std::mutex lock_;
    char text_[512];
    size_t n_ = 0;
};

LastWords last_words;
std::atomic<void (*)(const char *)> on_giving_up;

/* Only an exit() while a training runs is the trainer's. */
void at_exit() {
    void (*const gave_up)(const char *) = on_giving_up.exchange(nullptr);
    if (gave_up) gave_up(last_words.line());
}

/* As long as it lives, std::cerr's text is kept, and the end of the process is noticed. */
class WatchedTraining {
  public:
    explicit WatchedTraining(void (*gave_up)(const char *)) {
        static const bool registered = std::atexit(at_exit) == 0;
        if (!registered || !gave_up) return;
        last_words.clear();
        before_ = std::cerr.rdbuf(&last_words);
        on_giving_up = gave_up;
    }
    ~WatchedTraining() {
        if (!before_) return;
        on_giving_up = nullptr;
        std::cerr.rdbuf(before_);
    }
    WatchedTraining(const WatchedTraining &) = delete;
    WatchedTraining &operator=(const WatchedTraining &) = delete;

  private:
    std::streambuf *before_ = nullptr;
};

int give(const std::vector<int> &from, int32_t **ids, size_t *n_ids) noexcept {
    *n_ids = from.size();
    *ids = static_cast<int32_t *>(std::malloc(sizeof(int32_t) * (from.size() + 1)));
    if (!*ids) return 1;
    for (size_t i = 0; i < from.size(); i++) (*ids)[i] = from[i];
    return 0;
}

/* "key=value key=value" as the trainer's map; its string form would print itself to stderr. */
std::unordered_map<std::string, std::string> parse(const std::string &options) {
    std::unordered_map<std::string, std::string> map;
    std::istringstream words(options);
    words.exceptions(std::ios::badbit); /* without memory options would be lost silently */
    for (std::string word; words >> word;) {
        const size_t equals = word.find('=');
        map[word.substr(0, equals)] = word.substr(equals + 1);
    }
    return map;
}

class CallbackIterator : public sentencepiece::SentenceIterator {
  public:
    CallbackIterator(spm_next_sentence next, void *source) : next_(next), source_(source) {
        Next();
    }
    bool done() const override {
        return state_ != 1;
    }
    void Next() override {
        const char *text = nullptr;
        size_t n = 0;
        state_ = next_(source_, &text, &n);
        if (state_ == 1) value_.assign(text, n);
    }
    const std::string &value() const override {
        return value_;
    }
    sentencepiece::util::Status status() const override {
        if (state_ >= 0) return sentencepiece::util::Status();
        return sentencepiece::util::Status(sentencepiece::util::StatusCode::kInternal,
                                           "cannot read the corpus");
    }

  private:
    spm_next_sentence next_;
    void *source_;
    int state_ = 0;
    std::string value_;
};

} // namespace

spm_processor *spm_load(const char *bytes, size_t n, char **error) {
    spm_processor *processor = nullptr;
    const int failed = guarded(error, [&] {
        processor = new spm_processor;
        const auto status = processor->impl.LoadFromSerializedProto(absl::string_view(bytes, n));
        const int id = status.ok() ? processor->impl.PieceToId("<mask>") : -1;
        /* For a name that is no piece it gives the unknown piece, if there is one. */
        if (id >= 0 && processor->impl.IdToPiece(id) == "<mask>") processor->mask = id;
        /* The library allocates at the first such call of all; spm_piece() cannot say it failed. */
        if (status.ok() && processor->impl.GetPieceSize() > 0) processor->impl.IdToPiece(0);
        return status;
    });
    if (!failed) return processor;
    delete processor;
    return nullptr;
}

void spm_free(spm_processor *processor) {
    delete processor;
}

int32_t spm_size(const spm_processor *p) {
    return value_or(0, [&] { return p->impl.GetPieceSize(); });
}
int32_t spm_pad(const spm_processor *p) {
    return value_or(-1, [&] { return p->impl.pad_id(); });
}
int32_t spm_bos(const spm_processor *p) {
    return value_or(-1, [&] { return p->impl.bos_id(); });
}
int32_t spm_eos(const spm_processor *p) {
    return value_or(-1, [&] { return p->impl.eos_id(); });
}
int32_t spm_unk(const spm_processor *p) {
    return value_or(-1, [&] { return p->impl.unk_id(); });
}
int32_t spm_mask(const spm_processor *p) {
    return p->mask;
}
const char *spm_piece(const spm_processor *p, int32_t id) {
    return value_or("", [&] { return p->impl.IdToPiece(id).c_str(); });
}

int spm_encode(const spm_processor *p, const char *text, size_t n, int32_t **ids, size_t *n_ids,
               char **error) {
    std::vector<int> result;
    if (guarded(error, [&] { return p->impl.Encode(absl::string_view(text, n), &result); }))
        return 1;
    return give(result, ids, n_ids);
}

int spm_set_symbols(spm_processor *p, const int32_t *ids, size_t n) {
    try {
        p->symbols.assign(n ? static_cast<size_t>(p->impl.GetPieceSize()) : 0, false);
        for (size_t i = 0; i < n; i++) p->symbols.at(static_cast<size_t>(ids[i])) = true;
    } catch (...) {
        return 1;
    }
    return 0;
}

/* Draws again while a symbol is cut, as happens with a small alpha; after MOST_DRAWS takes the best
 * segmentation, which keeps symbols whole. */
static sentencepiece::util::Status draw(const spm_processor *p, absl::string_view text, float alpha,
                                        int32_t nbest, ImmutableText *drawn) {
    enum { MOST_DRAWS = 8 };
    ImmutableText best;
    if (!p->symbols.empty()) {
        const auto status = p->impl.Encode(text, best.mutable_proto());
        if (!status.ok()) return status;
    }
    const std::vector<int> wanted = symbols_of(p, best);
    for (int i = 0; i < MOST_DRAWS; i++) {
        *drawn = ImmutableText();
        const auto status = p->impl.SampleEncode(text, nbest, alpha, drawn->mutable_proto());
        if (!status.ok() || symbols_of(p, *drawn) == wanted) return status;
    }
    *drawn = best;
    return {};
}

/* SentencePiece draws from a generator that each thread seeds once, at its first draw, from a
 * global seed. A fresh thread per call, one at a time, makes a draw depend on `seed` alone. */
int spm_sample(const spm_processor *p, const char *text, size_t n, float alpha, int32_t nbest,
               uint32_t seed, spm_visit_drawn visit, void *self, char **error) {
    static std::mutex one_at_a_time;
    ImmutableText drawn;
    int failed = 1;
    *error = nullptr;
    try {
        const std::lock_guard<std::mutex> lock(one_at_a_time);
        /* The library ignores the largest seed. */
        sentencepiece::SetRandomGeneratorSeed(seed == UINT32_MAX ? 0 : seed);
        std::thread worker([&] {
            failed = guarded(
                error, [&] { return draw(p, absl::string_view(text, n), alpha, nbest, &drawn); });
        });
        worker.join();
        for (size_t i = 0; !failed && i < drawn.pieces_size(); i++) {
            const auto piece = drawn.pieces(static_cast<int>(i));
            visit(self, static_cast<int32_t>(piece.id()), piece.piece().c_str(),
                  piece.piece().size());
        }
    } catch (const std::exception &e) {
        *error = copy(e.what());
        failed = 1;
    } catch (...) {
        *error = copy("unknown failure");
        failed = 1;
    }
    return failed;
}

int spm_decode(const spm_processor *p, const int32_t *ids, size_t n, char **text, size_t *length,
               char **error) {
    std::string result;
    if (guarded(error, [&] { return p->impl.Decode(std::vector<int>(ids, ids + n), &result); }))
        return 1;
    *length = result.size();
    *text = copy(result.data(), result.size());
    return *text ? 0 : 1;
}

int spm_encode_pieces(const spm_processor *p, const char *text, size_t n, spm_visit_piece visit,
                      void *self, char **error) {
    std::vector<std::string> pieces;
    if (guarded(error, [&] { return p->impl.Encode(absl::string_view(text, n), &pieces); }))
        return 1;
    for (const std::string &piece : pieces) visit(self, piece.c_str(), piece.size());
    return 0;
}

int spm_decode_pieces(const spm_processor *p, const char *const *pieces, size_t n, char **text,
                      size_t *length, char **error) {
    std::string result;
    if (guarded(error, [&] {
            return p->impl.Decode(std::vector<std::string>(pieces, pieces + n), &result);
        }))
        return 1;
    *length = result.size();
    *text = copy(result.data(), result.size());
    return *text ? 0 : 1;
}

int spm_train(const char *options, spm_next_sentence next, void *source, spm_endings endings,
              char **model, size_t *n, char **error) {
    std::string bytes;
    const std::terminate_handler before = std::get_terminate();
    on_no_memory = endings.no_memory;
    if (endings.no_memory) std::set_terminate(terminate_thread);
    const int failed = guarded(error, [&] {
        const WatchedTraining watched(endings.gave_up);
        CallbackIterator sentences(next, source);
        sentencepiece::SetRandomGeneratorSeed(1); /* of sentence sampling */
        return sentencepiece::SentencePieceTrainer::Train(parse(options), &sentences, &bytes);
    });
    std::set_terminate(before);
    if (failed) return 1;
    *n = bytes.size();
    *model = copy(bytes.data(), bytes.size());
    return *model ? 0 : 1;
}
