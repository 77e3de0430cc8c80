# Makes .dynamodb: DynamoDB Local, a real server for tests, from an npm package that carries it.
set -eu

package=amplify-dynamodb-simulator version=2.9.30
sum=3503ffac19f183407909fecdacf4db51ab1fdad1da7b2f177016670b2d80e4b9
stamp=.dynamodb/ready-$version
if [ -e "$stamp" ]; then
  exit 0
fi
here=$(dirname "$0")
sh "$here/debian.sh" java default-jre-headless
sh "$here/debian.sh" npm npm
echo "Fetching DynamoDB Local into .dynamodb: 57 MB, the first time …"
rm -rf .dynamodb
mkdir .dynamodb
npm pack --silent --pack-destination .dynamodb "$package@$version" >/dev/null
echo "$sum  .dynamodb/$package-$version.tgz" | sha256sum --check --quiet || {
  echo "What npm gave as $package $version is not what it was." >&2
  exit 1
}
tar -xzf ".dynamodb/$package-$version.tgz" -C .dynamodb --strip-components 2 package/emulator
rm ".dynamodb/$package-$version.tgz"
# The stamp is written last: what was left half-made has none, and is made anew.
touch "$stamp"
