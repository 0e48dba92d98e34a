#include "cli/generate/person_maker.h"

#include <algorithm>
#include <numeric>

#include "cli/generate/days.h"
#include "cli/generate/random.h"

namespace tongchou::cli {
namespace {

constexpr uint32_t kFirstBirth = 19300101;
constexpr uint32_t kLastBirth = 19901231;
constexpr uint64_t kSequences = 999;
constexpr uint64_t kDivisions = 99;
constexpr uint32_t kFirstDivision = 369901;
constexpr uint32_t kDeathsPerMille = 4;

constexpr std::string_view kCreditAlphabet = "0123456789ABCDEFGHJKLMNPQRTUWXY";
constexpr std::array<int, 8> kOrganisationWeights = {3, 7, 9, 10, 5, 8, 4, 2};
constexpr std::array<int, 17> kIdWeights = {7, 9, 10, 5,  8, 4, 2, 1, 6,
                                            3, 7, 9,  10, 5, 8, 4, 2};

constexpr std::array<std::string_view, 48> kSurnames = {
    "王", "李", "张", "刘", "陈", "杨", "黄", "赵", "吴", "周",   "徐", "孙",
    "马", "朱", "胡", "郭", "何", "高", "林", "罗", "郑", "梁",   "谢", "宋",
    "唐", "许", "韩", "冯", "邓", "曹", "彭", "曾", "肖", "田",   "董", "潘",
    "袁", "蔡", "蒋", "余", "于", "杜", "叶", "程", "魏", "欧阳", "熊", "涂"};
constexpr std::array<std::string_view, 64> kGiven = {
    "伟", "芳", "娜", "敏", "静", "丽", "强", "磊", "军", "洋", "勇",
    "艳", "杰", "娟", "涛", "明", "超", "霞", "平", "刚", "桂", "英",
    "华", "玉", "萍", "红", "建", "国", "文", "斌", "波", "辉", "云",
    "莲", "凤", "兰", "春", "梅", "秀", "珍", "林", "峰", "亮", "海",
    "金", "龙", "水", "生", "根", "发", "火", "细", "香", "小", "志",
    "新", "家", "美", "庆", "福", "荣", "德", "群", "飞"};
constexpr std::array<std::string_view, 2> kRareGiven = {"㛃", "𬱖"};
constexpr std::string_view kDottedName = "阿依古丽·买买提";

uint64_t Births() {
  return static_cast<uint64_t>(ToSerial(kLastBirth)) -
         static_cast<uint64_t>(ToSerial(kFirstBirth)) + 1;
}

template <typename T>
void Digits(T value, size_t count, char* to) {
  for (size_t i = count; i > 0; --i) {
    to[i - 1] = static_cast<char>('0' + value % 10);
    value /= 10;
  }
}

}  // namespace

char IdCheck(std::string_view digits) {
  int sum = 0;
  for (size_t i = 0; i < kIdWeights.size(); ++i) {
    sum += (digits[i] - '0') * kIdWeights[i];
  }
  return "10X98765432"[sum % 11];
}

char OrganisationCheck(std::string_view code) {
  int sum = 0;
  for (size_t i = 0; i < kOrganisationWeights.size(); ++i) {
    const char c = code[i];
    const int value = c <= '9' ? c - '0' : c - 'A' + 10;
    sum += value * kOrganisationWeights[i];
  }
  const int check = 11 - sum % 11;
  if (check == 10) return 'X';
  return check == 11 ? '0' : static_cast<char>('0' + check);
}

char CreditCheck(std::string_view code) {
  size_t sum = 0;
  size_t weight = 1;
  for (size_t i = 0; i < 17; ++i) {
    sum += kCreditAlphabet.find(code[i]) * weight;
    weight = weight * 3 % 31;
  }
  return kCreditAlphabet[(31 - sum % 31) % 31];
}

std::array<char, 18> MakeCreditCode(std::string_view registrar_and_class,
                                    uint32_t county, uint32_t organisation) {
  std::array<char, 18> code;
  std::copy_n(registrar_and_class.begin(), 2, code.begin());
  Digits(county, 6, code.data() + 2);
  Digits(organisation, 8, code.data() + 8);
  code[16] = OrganisationCheck({code.data() + 8, 8});
  code[17] = CreditCheck({code.data(), 17});
  return code;
}

PersonMaker::PersonMaker(uint64_t seed, uint32_t first_clock)
    : seed_(seed), first_clock_(first_clock) {
  const uint64_t numbers = Births() * kDivisions * kSequences;
  Random random(seed, 0, Stream::kPerson, 0, 1);
  start_ = random.Next() % numbers;
  step_ = numbers / 1000 * 618 + random.Below(1'000'000);
  while (std::gcd(step_, numbers) != 1) ++step_;
}

Person PersonMaker::At(uint64_t number) const {
  const uint64_t numbers = Births() * kDivisions * kSequences;
  uint64_t rest = (number % numbers * step_ + start_) % numbers;
  const uint64_t sequence = rest % kSequences + 1;
  rest /= kSequences;
  Person person;
  person.number = number;
  person.male = sequence % 2 == 1;
  person.birth = FromSerial(ToSerial(kFirstBirth) +
                            static_cast<int64_t>(rest / kDivisions));
  Digits(kFirstDivision + rest % kDivisions, 6, person.id.data());
  Digits(person.birth, 8, person.id.data() + 6);
  Digits(sequence, 3, person.id.data() + 14);
  person.id[17] = IdCheck({person.id.data(), 17});
  Random random(seed_, 0, Stream::kPerson, number);
  if (random.PerMille(kDeathsPerMille)) {
    const uint32_t new_year = first_clock_ / 10000 * 10000 + 101;
    person.died =
        FromSerial(random.Range(ToSerial(new_year), ToSerial(first_clock_)));
  }
  return person;
}

std::string PersonMaker::Name(const Person& person) const {
  Random random(seed_, 0, Stream::kName, person.number);
  const uint64_t rare = random.Below(2000);
  if (rare == 0) return std::string(kDottedName);
  std::string name(kSurnames[random.Below(kSurnames.size())]);
  if (rare <= kRareGiven.size()) return name.append(kRareGiven[rare - 1]);
  name.append(kGiven[random.Below(kGiven.size())]);
  if (random.PerMille(650)) name.append(kGiven[random.Below(kGiven.size())]);
  return name;
}

}  // namespace tongchou::cli
